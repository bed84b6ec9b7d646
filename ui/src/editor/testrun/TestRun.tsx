// The drawer below: on which event, what each node would do and why, what would come of it. Nothing is written, nothing is sent.
import { Button } from '@mantine/core';
import { type PointerEvent, useEffect, useMemo, useState } from 'react';
import { get } from '@/api/client';
import { Steps } from '@/pages/execution/Steps';
import '@/pages/execution/execution.css';
import { ProblemNote } from '@/parts/ProblemNote';
import { shapeOf, toneOf } from '@/parts/Status';
import { absolute, useZone } from '@/parts/time';
import { type Catalogue, kindOf, labelOf } from '../catalogue';
import { useRecentEvents } from '../inspector/EventChoice';
import { idOf, nodesOf, type Raw } from '../model';
import { useDrawing, useEdited, useEditor } from '../state';
import { summed, type TestRunning } from './running';
import { Would } from './Would';
import './testrun.css';

export default function TestRun({ catalogue, run, close }: { catalogue: Catalogue; run: TestRunning; close: () => void }) {
  const editor = useEditor();
  const drawing = useDrawing();
  const zone = useZone((state) => state.zone);
  const event = useEdited((state) => state.event);
  const { items, trigger, kind, error } = useRecentEvents(catalogue);
  const [own, setOwn] = useState<string>();
  const [height, setHeight] = useState(300);
  const labels = useMemo(() => new Map(nodesOf(drawing).map((node) => [idOf(node), labelOf(node, catalogue)])), [drawing, catalogue]);
  const chosen = event ?? items?.[0]?.id;
  const opened = useEdited((state) => state.opened);
  useEffect(() => {
    if (chosen && !event) editor.getState().set({ event: chosen });
  }, [chosen, event, editor]);
  const write = async () =>
    setOwn(JSON.stringify(await sample(chosen, kind ?? '', trigger && kindOf(trigger, catalogue)?.gives?.[0]), null, 2));
  const isNoJson = own !== undefined && !isJson(own);
  const go = () => {
    if (own !== undefined) void run.run({ event: JSON.parse(own) as Record<string, unknown> });
    else if (chosen) void run.run({ event_id: chosen });
  };
  const drag = (move: PointerEvent<HTMLElement>) => {
    if (move.currentTarget.hasPointerCapture(move.pointerId))
      setHeight(Math.min(window.innerHeight - 260, Math.max(160, window.innerHeight - move.clientY)));
  };
  return (
    <section className="drawer" aria-label="Test run" style={{ height }}>
      <div className="drawer-edge" onPointerDown={(down) => down.currentTarget.setPointerCapture(down.pointerId)} onPointerMove={drag} />
      <header className="row drawer-head">
        <h2>Test run</h2>
        {own === undefined ? (
          <label className="row small quiet">
            on{' '}
            <select
              className="input"
              aria-label="On which event"
              value={chosen ?? ''}
              onChange={(change) => editor.getState().set({ event: change.currentTarget.value })}
            >
              {(items ?? []).length === 0 && <option value="">no such event yet</option>}
              {items?.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.table_name} {one.key?.slice(0, 8) ?? ''} · {absolute(new Date(one.at), zone)}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <span className="quiet small">on an event that is written here</span>
        )}
        {own === undefined ? (
          <button type="button" className="text-button small" disabled={!kind} onClick={() => void write()}>
            Write one
          </button>
        ) : (
          <button type="button" className="text-button small" onClick={() => setOwn(undefined)}>
            Choose one that happened
          </button>
        )}
        <Button onClick={go} loading={run.isBusy} disabled={own === undefined ? !chosen : isNoJson}>
          Run
        </Button>
        <p className="grow truncate drawer-sum" role="status">
          {run.report && (
            <>
              <span className={`mark is-${toneOf(run.report.outcome)}`} role="img" aria-label={run.report.outcome}>
                {shapeOf(run.report.outcome)}
              </span>{' '}
              {summed(run.report)}
            </>
          )}
        </p>
        <button type="button" className="close" aria-label="Close the test run" onClick={close}>
          ×
        </button>
      </header>
      <div className="drawer-body">
        {own !== undefined && (
          <label className="drawer-event">
            <span className="sr-only">The event, as event files have it</span>
            <textarea
              className="input mono"
              spellCheck={false}
              value={own}
              onChange={(change) => setOwn(change.currentTarget.value)}
              aria-invalid={isNoJson}
            />
            {isNoJson && <span className="said is-error small">This is no JSON yet.</span>}
          </label>
        )}
        {run.fault !== undefined ? (
          <div className="drawer-note">
            <ProblemNote fault={run.fault} />
          </div>
        ) : error ? (
          <div className="drawer-note">
            <ProblemNote fault={error} />
          </div>
        ) : !run.report ? (
          <p className="quiet drawer-note">
            {trigger
              ? 'It shows what each node would do and why. Nothing is written, nothing is sent.'
              : 'There is no trigger yet: it says what the workflow listens to.'}
          </p>
        ) : (
          <>
            <div className="drawer-steps">
              <Steps
                steps={run.steps ?? []}
                inputs={run.report.inputs}
                labels={labels}
                chosen={opened}
                choose={(id) => editor.getState().open(id)}
              />
            </div>
            <Would report={run.report} labels={labels} />
          </>
        )}
      </div>
    </section>
  );
}

const isJson = (text: string) => {
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
};

const BLANK: Record<string, unknown> = { integer: 1, number: 1, money: 10_000, boolean: true, text: 'text', json: {}, list: [] };

/** An event as event files have it: the chosen one's row, else one with what such rows have. */
async function sample(
  event: string | undefined,
  kind: string,
  given: { subject: string; fields: { name: string; type: string; required: boolean }[] } | undefined,
): Promise<Raw> {
  const subject = given?.subject ?? 'row';
  if (event) {
    const shown = await get('/api/v1/events/{event}', { params: { path: { event } } }).catch(() => undefined);
    const row = shown?.event.row as Record<string, unknown> | null | undefined;
    if (row) {
      // A row that is made up has keys of its own.
      const { id: _id, created_at: _made, updated_at: _changed, created_by: _by, ...rest } = row;
      return {
        type: kind,
        at: new Date().toISOString(),
        data: { [subject]: Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)) },
      };
    }
  }
  const fields = (given?.fields ?? []).filter((field) => field.required || ['money', 'text'].includes(field.type)).slice(0, 6);
  return {
    type: kind,
    at: new Date().toISOString(),
    data: {
      [subject]: Object.fromEntries(fields.filter((field) => field.required).map((field) => [field.name, BLANK[field.type] ?? 'text'])),
      customer: { email: 'ada@example.com', name: 'Ada' },
    },
  };
}
