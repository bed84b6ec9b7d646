// A test run: asked of the daemon for what is drawn now, then shown step after step within a second.
import { useCallback, useEffect, useMemo, useState } from 'react';
import { post, type Schemas } from '@/api/client';
import { useEditor } from '../state';

export type Report = Schemas['TestRunReport'];
export type Step = Schemas['Step'];
export type On = { event_id: string } | { event: Record<string, unknown> };
/** All steps light up within this time, however many there are. */
const WHOLE = 900;

export interface TestRunning {
  report: Report | undefined;
  fault: unknown;
  isBusy: boolean;
  /** Those that are lit by now. */
  steps: Step[] | undefined;
  run: (on: On) => Promise<void>;
  forget: () => void;
}

export function useTestRun(): TestRunning {
  const editor = useEditor();
  const [state, setState] = useState<{ report?: Report; fault?: unknown; isBusy: boolean }>({ isBusy: false });
  const [lit, setLit] = useState(0);
  const count = state.report?.steps.length ?? 0;
  useEffect(() => {
    if (lit >= count) return;
    const isCalm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    const timer = setTimeout(() => setLit(isCalm ? count : lit + 1), isCalm ? 0 : Math.min(160, WHOLE / count));
    return () => clearTimeout(timer);
  }, [lit, count]);
  const run = useCallback(async (on: On) => {
    setState({ isBusy: true });
    setLit(0);
    try {
      const report = await post('/api/v1/test-runs', { body: { drawing: { definition: editor.getState().history.present }, ...on, no_record: true } as never });
      setState({ isBusy: false, report });
    } catch (fault) {
      setState({ isBusy: false, fault });
    }
  }, [editor]);
  const forget = useCallback(() => setState({ isBusy: false }), []);
  const steps = useMemo(() => state.report?.steps.slice(0, lit), [state.report, lit]);
  return useMemo(() => ({ report: state.report, fault: state.fault, isBusy: state.isBusy, steps, run, forget }), [state, steps, run, forget]);
}

const counted = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** "Would change 2 rows, send 1 mail, start 1 other workflow". */
export function summed(report: Report): string {
  if (report.outcome === 'filtered') return 'Would not start: the trigger turns this event away';
  const mails = report.deliveries.filter((one) => one.kind === 'email').length;
  const requests = report.deliveries.filter((one) => one.kind === 'http').length;
  const parts = [
    report.changes.length > 0 && `change ${counted(report.changes.length, 'row')}`, mails > 0 && `send ${counted(mails, 'mail')}`, requests > 0 && `make ${counted(requests, 'request')}`,
    report.would_start.length > 0 && `start ${counted(report.would_start.length, 'other workflow')}`,
  ].filter(Boolean);
  return `Would ${parts.length > 0 ? parts.join(', ') : 'change nothing and send nothing'}${report.outcome === 'failed' ? ', and fail' : report.outcome === 'waiting' ? ', then wait' : ''}`;
}
