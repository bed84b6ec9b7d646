// Before it counts: what would change by meaning, who is under way, what is to mend; and what the last 30 days would have been.
import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { problemOf } from '@/api/problem';
import { Coded } from '@/parts/Coded';
import { Drawer } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import type { Catalogue } from '../catalogue';
import { ifMatch, keepAll } from '../keeping';
import { useEdited, useEditor } from '../state';
import { things } from '../Mend';
import { Backtest } from './Backtest';
import { Meaning } from './Meaning';
import './publish.css';

type Shown = Schemas['Workflow'];
const counted = (count: number, one: string) => `${count} ${one}${count === 1 ? '' : 's'}`;

export default function Publish({ shown, catalogue, close }: { shown: Shown; catalogue: Catalogue; close: () => void }) {
  return <Drawer title={`Publish ${shown.name}`} isOpen close={close}><Asked shown={shown} catalogue={catalogue} close={close} /></Drawer>;
}

function Asked({ shown, catalogue, close }: { shown: Shown; catalogue: Catalogue; close: () => void }) {
  const editor = useEditor();
  const client = useQueryClient();
  const edition = useEdited((state) => state.edition);
  const [isKept, setKept] = useState<boolean>();
  const [state, setState] = useState<{ isBusy: boolean; fault?: unknown }>({ isBusy: false });
  useEffect(() => void keepAll(editor).then(setKept), [editor]);
  const publish = (isDry: boolean) => post('/api/v1/publish', { headers: ifMatch(editor.getState().edition), body: { workflows: [{ workflow: shown.id }], dry_run: isDry } } as never);
  const dry = useQuery({ queryKey: ['publish', shown.id, edition], enabled: isKept === true, staleTime: 0, gcTime: 0, retry: false, queryFn: () => publish(true) });
  if (isKept === false) return <p>The draft is not kept yet, so it can’t be published. See the note above the graph.</p>;
  if (dry.error) {
    const problem = problemOf(dry.error);
    const faults = problem.diagnostics.filter((one) => one.severity === 'error');
    if (faults.length === 0) return <ProblemNote fault={dry.error} retry={() => dry.refetch()} />;
    return (
      <div className="stack"><h3>{things(faults.length)}</h3>
        <ul className="choices">{faults.map((one, at) => <li key={at}><button type="button" onClick={() => { editor.getState().open(one.node ?? undefined); close(); }}><span className="mark is-failed" aria-hidden="true">✕</span><span className="grow"><Coded>{one.message}</Coded></span></button></li>)}</ul>
      </div>
    );
  }
  const would = dry.data?.[0];
  if (!would) return <Skeletons count={3} />;
  const waiting = would.in_flight.reduce((sum, one) => sum + one.executions, 0);
  const old = would.in_flight.map((one) => `v${one.version}`).join(', ');
  const go = async () => {
    setState({ isBusy: true });
    try {
      await publish(false);
      await Promise.all([client.invalidateQueries({ queryKey: keys.workflow(shown.id) }), client.invalidateQueries({ queryKey: keys.workflows })]);
      close();
    } catch (fault) {
      setState({ isBusy: false, fault });
    }
  };
  const isSame = !would.new && shown.status === 'published';
  return (
    <div className="stack">
      {isSame ? <p>What is drawn does the same as v{would.version}, which is in force: there is nothing to publish.</p> : (
        <>
          <p>{would.before == null ? 'From then on it runs whenever what it listens to happens.' : <>v{would.before} → <strong>v{would.version}</strong></>}</p>
          {would.before != null && would.changes && <section className="stack tight"><h3>What changes</h3><Meaning diff={would.changes} catalogue={catalogue} /></section>}
          {waiting > 0 && <p>{counted(waiting, 'execution')} under way {waiting === 1 ? 'stays' : 'stay'} on {old}.</p>}
          {(would.missing_secrets ?? []).length > 0 && <p className="said is-warning"><span aria-hidden="true">◐</span> Nobody has stored {would.missing_secrets?.map((name) => `“${name}”`).join(', ')}: what needs it will fail.</p>}
          {(would.warnings ?? []).map((one, at) => <p key={at} className="said is-warning"><span aria-hidden="true">◐</span> <Coded>{one.message}</Coded> {one.help && <span className="quiet"><Coded>{one.help}</Coded></span>}</p>)}
        </>
      )}
      <Backtest workflow={shown.id} hasLive={shown.live_version != null} />
      {state.fault !== undefined && <ProblemNote fault={state.fault} />}
      {!isSame && <div className="row end"><Button variant="subtle" color="gray" className="quiet-button" onClick={close}>Not now</Button>
        <Button loading={state.isBusy} onClick={() => void go()} data-autofocus>{waiting > 0 ? `Publish · ${counted(waiting, 'execution')} ${waiting === 1 ? 'stays' : 'stay'} on ${old}` : `Publish v${would.version}`}</Button></div>}
    </div>
  );
}
