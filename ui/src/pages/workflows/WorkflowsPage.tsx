// All workflows: what listens to what, in which state, how the last executions ended.
import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import type { Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { listOutcomes, listWorkflows } from '@/api/lists';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { words } from '@/graph/drawing';
import { DataList } from '@/parts/DataList';
import { Confirm } from '@/parts/Confirm';
import { EmptyState } from '@/parts/EmptyState';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Sparkline } from '@/parts/Sparkline';
import { Status } from '@/parts/Status';
import { When } from '@/parts/When';
import { Examples, Gallery } from './Gallery';
import { draftOf, freeName } from './import';
import { ImportDrop } from './ImportDrop';
import './workflows.css';

type Row = Schemas['ListedWorkflow'];
const SHOWN = ['all', 'published', 'paused', 'draft', 'archived'] as const;

export default function WorkflowsPage() {
  const [typed, setTyped] = useState('');
  const [shown, setShown] = useState<(typeof SHOWN)[number]>('all');
  const [isGallery, setGallery] = useState(false);
  const mayDraw = useMay('author');
  const [, go] = useLocation();
  const client = useQueryClient();
  const workflows = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const outcomes = useQuery({ queryKey: keys.outcomes, queryFn: listOutcomes });
  const last = useMemo(() => new Map(outcomes.data?.map((one) => [one.workflow_id, one])), [outcomes.data]);
  const found = useMemo(() => {
    const wanted = typed.toLowerCase();
    const order = (one: Row) => SHOWN.indexOf(one.status as (typeof SHOWN)[number]);
    const rows = (workflows.data ?? []).filter(
      (one) =>
        (shown === 'all' ? one.status !== 'archived' : one.status === shown) &&
        (one.name.toLowerCase().includes(wanted) || (one.trigger ?? '').replaceAll('_', ' ').includes(wanted)),
    );
    return rows.sort((one, other) => order(one) - order(other));
  }, [workflows.data, typed, shown]);
  const gallery = <Gallery isOpen={isGallery} close={() => setGallery(false)} />;
  const draw = async (called: string) => {
    const name = freeName(
      called.trim() || 'New workflow',
      (workflows.data ?? []).map((one) => one.name),
    );
    const id = await draftOf(name, { nodes: [], edges: [] });
    await client.invalidateQueries({ queryKey: keys.workflows });
    go(`/workflows/${id}`);
  };
  const isEmpty = workflows.data?.length === 0;
  return (
    <ImportDrop>
      <TopLine title="Workflows">
        {mayDraw && (
          <>
            <Button variant="default" size="compact-md" onClick={() => setGallery(true)}>
              Examples
            </Button>
            <Confirm
              label="New"
              variant="filled"
              does="Draw it"
              comment="What it is called"
              says="A draft of yours: it does nothing until you publish it."
              act={draw}
            />
          </>
        )}
      </TopLine>
      <div className="filters">
        <label className="field grow">
          <span className="sr-only">Search workflows</span>
          <input data-search type="search" placeholder="Search" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          <kbd>/</kbd>
        </label>
        <div className="tabs" role="group" aria-label="State">
          {SHOWN.map((one) => (
            <button key={one} type="button" aria-pressed={shown === one} onClick={() => setShown(one)}>
              {words(one)}
            </button>
          ))}
        </div>
        {mayDraw && <span className="quiet small import-hint">Drop a React Flow file anywhere to import it</span>}
      </div>
      {workflows.error ? (
        <div className="page">
          <ProblemNote fault={workflows.error} retry={() => workflows.refetch()} />
        </div>
      ) : !workflows.data ? (
        <div className="page">
          <Skeletons />
        </div>
      ) : isEmpty ? (
        <div className="page">
          <EmptyState
            title="When something happens, then do something"
            action={
              <Button variant="default" onClick={() => setGallery(true)}>
                All examples
              </Button>
            }
          >
            A workflow listens to what happens in the shop: an order, a review, a new customer. Begin with an example, or drop a React Flow
            file here.
          </EmptyState>
          {mayDraw && <Examples first />}
        </div>
      ) : found.length === 0 ? (
        <EmptyState title="None is like that">Try another word, or another state.</EmptyState>
      ) : (
        <DataList label="Workflows" items={found} keyOf={(one) => one.id} to={(one) => `/workflows/${one.id}`} height={60}>
          {(one) => <WorkflowRow one={one} last={last.get(one.id)} />}
        </DataList>
      )}
      {gallery}
    </ImportDrop>
  );
}

function WorkflowRow({ one, last }: { one: Row; last: Schemas['Outcomes'] | undefined }) {
  const state = one.held ? 'held' : one.status === 'published' && one.health === 'broken' ? 'broken' : one.status;
  return (
    <div className="workflow-row">
      <div className="truncate">
        <div className="truncate workflow-name">{one.name}</div>
        <div className="quiet small truncate">
          {one.trigger ? `when ${words(one.trigger).toLowerCase()}` : 'no trigger yet'}
          {one.next_at && (
            <>
              {' '}
              · next <When at={one.next_at} />
            </>
          )}
        </div>
      </div>
      <div className="row">
        <Status status={state} />
        {one.live_version && one.has_draft && <span className="pill is-draft">Draft</span>}
      </div>
      <div className="workflow-last quiet small">{last?.last_at ? <When at={last.last_at} /> : 'never ran'}</div>
      <Sparkline last={last?.last ?? []} />
    </div>
  );
}
