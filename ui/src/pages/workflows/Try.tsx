// An example, tried on an event that comes with it: the way it would take and what would come of it. Nothing is made by it.
import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { post } from '@/api/client';
import { labelOf, useCatalogue } from '@/editor/catalogue';
import { idOf, nodesOf, type Raw } from '@/editor/model';
import { summed } from '@/editor/testrun/running';
import { Would } from '@/editor/testrun/Would';
import '@/editor/testrun/testrun.css';
import { Graph } from '@/graph/Graph';
import { useReadDrawing } from '@/graph/useReadDrawing';
import { Steps } from '@/pages/execution/Steps';
import '@/pages/execution/execution.css';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import type { Example } from './Gallery';

export default function Try({ example, title, close }: { example: Example; title: string; close: () => void }) {
  return (
    <Modal
      opened
      onClose={close}
      title={`${title}, on a made-up event`}
      size={1080}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.2 }}
    >
      <Tried example={example} title={title} />
    </Modal>
  );
}

function Tried({ example, title }: { example: Example; title: string }) {
  const catalogue = useCatalogue();
  const [chosen, setChosen] = useState<string>();
  const run = useQuery({
    queryKey: ['tried', example.name],
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    queryFn: () =>
      post('/api/v1/test-runs', { body: { drawing: { definition: example.definition }, event: example.event, no_record: true } as never }),
  });
  const drawing = useReadDrawing(example.definition);
  const labels = useMemo(
    () =>
      new Map(nodesOf(example.definition as Raw).map((node) => [idOf(node), catalogue.data ? labelOf(node, catalogue.data) : idOf(node)])),
    [example, catalogue.data],
  );
  if (run.error) return <ProblemNote fault={run.error} retry={() => run.refetch()} />;
  if (!run.data || !drawing) return <Skeletons count={4} />;
  return (
    <div className="tried">
      <p role="status">
        {summed(run.data)}. <span className="quiet">Nothing was written, nothing was sent.</span>
      </p>
      <div className="tried-graph">
        <Graph drawing={drawing} label={`Graph of ${title}`} steps={run.data.steps} chosen={chosen} choose={setChosen} />
      </div>
      <div className="tried-said">
        <Steps steps={run.data.steps} inputs={run.data.inputs} labels={labels} chosen={chosen} choose={setChosen} />
        <Would report={run.data} labels={labels} />
      </div>
    </div>
  );
}
