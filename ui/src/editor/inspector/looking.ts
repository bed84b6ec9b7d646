// What an expression gives for a real event: asked of the engine itself, by a test run of the way to the node with a node in its place
// that only looks: it sets a variable, and what a request after it would carry is read. Nothing is written, sent or noted.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { post } from '@/api/client';
import { branchesOf, type Catalogue, isTrigger, kindOf } from '../catalogue';
import { before } from '../connecting';
import { branchOf, configOf, type Definition, edgesOf, idOf, nodeOf, nodesOf, type Raw, text } from '../model';

const LOOK = 'thendo_look';
const SAY = 'thendo_say';
/** Names that are given on the way: by steps, by loops, by what was waited for. */
const ON_THE_WAY = /\b(steps|vars|item|index|awaited)\b/;

export interface Looked {
  value?: unknown;
  why?: string;
}

/** The way to a node, with one in its place that sets a variable; and the branches by which to come there. */
export function probe(
  drawing: Definition,
  catalogue: Catalogue,
  id: string,
  template: string,
): { definition: Definition; branches: Record<string, string> } | undefined {
  const trigger = nodesOf(drawing).find((node) => isTrigger(node, catalogue));
  if (!trigger || !template.trim()) return undefined;
  // What the event alone says needs no way: it may fail for an event that has had its effects.
  const earlier = id === idOf(trigger) || !ON_THE_WAY.test(template) ? new Set<string>() : before(drawing, id);
  const look = {
    id: LOOK,
    type: 'control',
    position: { x: 0, y: 0 },
    data: { controlType: 'set', config: { vars: { looked: template } } },
  };
  const say = {
    id: SAY,
    type: 'action',
    position: { x: 0, y: 0 },
    data: { actionType: 'http_request', config: { url: 'https://look.invalid/', body: '{{ vars.looked|tojson }}' } },
  };
  const said = { id: SAY, source: LOOK, target: SAY };
  const { filter: _filter, ...config } = configOf(trigger) as Record<string, unknown>;
  const bare = {
    id: idOf(trigger),
    type: 'trigger',
    position: { x: 0, y: 0 },
    data: { triggerType: kindOf(trigger, catalogue)?.name, config },
  };
  if (!earlier.has(idOf(trigger))) {
    return { definition: { nodes: [bare, look, say], edges: [{ id: LOOK, source: bare.id, target: LOOK }, said] }, branches: {} };
  }
  const nodes = nodesOf(drawing)
    .filter((node) => earlier.has(idOf(node)) && idOf(node) !== bare.id)
    .map((node) => ({ ...node, parentId: undefined, data: { ...(node.data as Raw), enabled: undefined } }));
  const edges = edgesOf(drawing)
    .filter((edge) => earlier.has(text(edge.source)) && (earlier.has(text(edge.target)) || text(edge.target) === id))
    .map((edge) => (text(edge.target) === id ? { ...edge, target: LOOK } : edge));
  const branches: Record<string, string> = {};
  for (const edge of edges) {
    const source = nodeOf(drawing, text(edge.source));
    const branch = branchOf(edge as Raw);
    if (source && branch && branch !== 'each' && branchesOf(source, kindOf(source, catalogue)).includes(branch))
      branches[text(edge.source)] ??= branch;
  }
  return { definition: { nodes: [bare, ...nodes, look, say], edges: [...edges, said] }, branches };
}

async function look(drawing: Definition, catalogue: Catalogue, id: string, template: string, event: string): Promise<Looked> {
  const asked = probe(drawing, catalogue, id, template);
  if (!asked) return {};
  const report = await post('/api/v1/test-runs', {
    body: { drawing: { definition: asked.definition }, event_id: event, no_record: true, settings: { branches: asked.branches } } as never,
  });
  const step = report.steps.find((one) => one.node === LOOK);
  const failed = report.steps.find((one) => one.outcome === 'failed' && one.node !== LOOK && one.node !== SAY);
  if (failed && step?.outcome !== 'done') return { why: `The way fails before it comes here: ${failed.why ?? failed.node}` };
  if (!step)
    return {
      why: report.outcome === 'filtered' ? 'The trigger would not start for this event.' : 'The way does not come here for this event.',
    };
  if (step.outcome !== 'done') return { why: step.why ?? 'It has no value for this event.' };
  const request = report.deliveries.find((one) => one.node === SAY) as { body?: unknown } | undefined;
  return request ? { value: said(request.body) } : {};
}

function said(body: unknown): unknown {
  if (typeof body !== 'string') return body;
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Asked a moment after the last letter. */
export function useLook(drawing: Definition, catalogue: Catalogue, id: string, template: string, event: string | undefined) {
  const [asked, setAsked] = useState({ template, drawing });
  useEffect(() => {
    const timer = setTimeout(() => setAsked({ template, drawing }), 250);
    return () => clearTimeout(timer);
  }, [template, drawing]);
  return useQuery({
    queryKey: ['look', id, asked.template, event, asked.drawing],
    gcTime: 30_000,
    enabled: event !== undefined && asked.template.trim() !== '',
    staleTime: 60_000,
    retry: false,
    placeholderData: (before) => before,
    queryFn: () => look(asked.drawing, catalogue, id, asked.template, event ?? ''),
  });
}
