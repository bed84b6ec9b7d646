// The examples that are built in, as pictures. "Use this" makes a draft of one.
import { Button, Modal } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { words } from '@/graph/drawing';
import { Sketch } from '@/graph/Sketch';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { draftOf, freeName } from './import';

export function Gallery({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title="Examples"
      size={960}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.2 }}
    >
      {isOpen && <Examples />}
    </Modal>
  );
}

type Example = { name: string; definition: unknown };

function titleOf({ name, definition }: Example): string {
  const own = (definition as { name?: unknown }).name;
  return typeof own === 'string' ? own : words(name);
}

function Examples() {
  const [, go] = useLocation();
  const examples = useQuery({ queryKey: keys.examples, queryFn: () => get('/api/v1/examples'), staleTime: Number.POSITIVE_INFINITY });
  const workflows = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const use = useMutation({
    mutationFn: async (example: Example) => {
      const name = freeName(
        titleOf(example),
        (workflows.data ?? []).map((one) => one.name),
      );
      return draftOf(name, example.definition);
    },
    onSuccess: (id) => go(`/workflows/${id}`),
  });
  if (examples.error) return <ProblemNote fault={examples.error} retry={() => examples.refetch()} />;
  if (!examples.data) return <Skeletons count={4} height={160} />;
  return (
    <div className="stack">
      <p className="quiet">Each becomes a draft of yours: it does nothing until you publish it.</p>
      {use.error && <ProblemNote fault={use.error} />}
      <ul className="columns" aria-label="Examples">
        {examples.data.map((one) => (
          <li key={one.name} className="example">
            <div className="example-picture">
              <Sketch definition={one.definition} label={`Graph of ${titleOf(one)}`} />
            </div>
            <div className="example-words">
              <h3 className="workflow-name">{titleOf(one)}</h3>
              <p className="quiet small">{one.about.replaceAll('`', '')}</p>
              <div>
                <Button
                  variant="default"
                  size="compact-md"
                  aria-label={`Use this: ${titleOf(one)}`}
                  loading={use.isPending && use.variables?.name === one.name}
                  onClick={() => use.mutate(one)}
                >
                  Use this
                </Button>
              </div>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
