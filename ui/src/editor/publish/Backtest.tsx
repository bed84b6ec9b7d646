// What the last days would have been: under what is drawn, and under what is in force. A daemon reckons it; nothing is changed or sent.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, post, remove, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { ProblemNote } from '@/parts/ProblemNote';
import { failures, type Figures, rowsOf } from './figures';

type Listed = Schemas['ListedBacktest'];
const UNDER_WAY = new Set(['queued', 'running']);
const SPANS = ['7d', '30d', '90d'] as const;

export function Backtest({ workflow, hasLive }: { workflow: string; hasLive: boolean }) {
  const [span, setSpan] = useState<(typeof SPANS)[number]>('30d');
  const [asked, setAsked] = useState<{ id?: string; isBusy: boolean; fault?: unknown }>({ isBusy: false });
  const shown = useQuery({
    queryKey: keys.backtest(asked.id ?? ''), enabled: asked.id !== undefined, staleTime: 0,
    refetchInterval: ({ state }) => (state.data && !UNDER_WAY.has(state.data.backtest.status) ? false : 400),
    queryFn: () => get('/api/v1/backtests/{backtest}', { params: { path: { backtest: asked.id ?? '' } } }),
  });
  const start = async () => {
    setAsked({ isBusy: true });
    const against = hasLive ? { against: 'live' as const } : {};
    try {
      setAsked({ id: (await post('/api/v1/backtests', { body: { workflow, version: 'draft', since: span, ...against } as never })).id, isBusy: false });
    } catch (fault) {
      setAsked({ isBusy: false, fault });
    }
  };
  const job = shown.data?.backtest;
  const isUnderWay = asked.id !== undefined && (!job || UNDER_WAY.has(job.status));
  return (
    <section className="stack tight backtest" aria-label="What it would have done">
      <div className="row">
        <h3 className="grow">What it would have done</h3>
        <select className="input" aria-label="For how long back" value={span} onChange={(change) => setSpan(change.currentTarget.value as typeof span)}>
          {SPANS.map((one) => <option key={one} value={one}>the last {one.slice(0, -1)} days</option>)}
        </select>
        <Button variant="default" loading={asked.isBusy} disabled={isUnderWay} onClick={() => void start()}>Reckon</Button>
      </div>
      {asked.fault !== undefined && <ProblemNote fault={asked.fault} />}
      {shown.error && <ProblemNote fault={shown.error} />}
      {isUnderWay && <UnderWay job={job} />}
      {job && ['failed', 'lost', 'cancelled'].includes(job.status) && <p>{job.status === 'cancelled' ? 'It was called off.' : (job.error ?? 'The daemon that reckoned it is gone: ask again.')}</p>}
      {job?.status === 'done' && shown.data?.outcome && <Outcome figures={shown.data.outcome as unknown as Figures} />}
    </section>
  );
}

function UnderWay({ job }: { job: Listed | undefined }) {
  const share = Math.round((job?.share ?? 0) * 100);
  return (
    <div className="row">
      <progress className="grow" max={100} value={share} aria-label="How much of the time is done" />
      <span className="quiet small">{job?.status === 'running' ? `${job.events} events` : 'waits its turn'}</span>
      {job && <button type="button" className="text-button small" onClick={() => void remove('/api/v1/backtests/{backtest}', { params: { path: { backtest: job.id } } })}>Call it off</button>}
    </div>
  );
}

function Outcome({ figures }: { figures: Figures }) {
  const { against } = figures;
  const compared = against?.comparison;
  const different = compared ? compared.differs + compared.only_here + compared.only_there : 0;
  if (figures.events === 0) return <p className="quiet">Nothing happened in that time that it listens to.</p>;
  return (
    <>
      {compared && <p>{different === 0 ? `The same for all ${compared.same} events.` : `Otherwise for ${different} of ${different + compared.same} events.`}</p>}
      <table className="figures">
        <thead><tr><th scope="col"><span className="sr-only">What</span></th>{against && <th scope="col">{against.version}, in force</th>}<th scope="col">This draft</th></tr></thead>
        <tbody>{rowsOf(figures).map(({ label, before, after, share }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {against && <td>{before}<i className="figure-bar" aria-hidden="true" style={{ width: `${share.before}%` }} /></td>}
            <td className={against && before !== after ? 'is-other' : undefined}>{after}<i className="figure-bar is-after" aria-hidden="true" style={{ width: `${share.after}%` }} /></td>
          </tr>
        ))}</tbody>
      </table>
      {failures(figures).map((one) => <p key={one} className="said is-error"><span aria-hidden="true">✕</span> {one}</p>)}
      <details className="small quiet"><summary>What is taken for granted</summary><ul className="bullets">{figures.assumed.map((one) => <li key={one}>{one}</li>)}</ul></details>
    </>
  );
}
