// The examples that are built in, as pictures. "Use this" makes a draft of one.
import { Button, Modal } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { lazy, Suspense, useState } from 'react';
import { get } from '@/api/client';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { words } from '@/graph/drawing';
import { Sketch } from '@/graph/Sketch';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { draftOf, freeName } from './import';

export function Gallery({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const [isTrying, setTrying] = useState(false);
  return (
    <Modal
      opened={isOpen}
      // Escape closes what lies on top, and that alone.
      closeOnEscape={!isTrying}
      onClose={close}
      title="Examples"
      size={960}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.2 }}
    >
      {isOpen && <Examples onTry={setTrying} />}
    </Modal>
  );
}

const listExamples = () => get('/api/v1/examples');
export type Example = Awaited<ReturnType<typeof listExamples>>[number];
const Try = lazy(() => import('./Try'));
/** What an empty shop is shown: an order, a review asked for, a cart. */
const FIRST = ['welcome-points', 'review-request', 'abandoned-cart'];

function titleOf({ name, definition }: Pick<Example, 'name' | 'definition'>): string {
  const own = (definition as { name?: unknown }).name;
  return typeof own === 'string' ? own : words(name);
}

/** "a sample order": what its trigger listens to, in words. */
function sampleOf({ event }: Example): string {
  const type = (event as { type?: unknown }).type;
  const subject = typeof type === 'string' ? words(type).toLowerCase().split(' ')[0] : '';
  return subject ? `a sample ${subject}` : 'a sample';
}

/** The examples, or the first three of them. */
export function Examples({ first = false, onTry }: { first?: boolean; onTry?: (isTrying: boolean) => void }) {
  const [tried, setTried] = useState<Example>();
  const attempt = (example: Example | undefined) => {
    setTried(example);
    onTry?.(example !== undefined);
  };
  const [, go] = useLocation();
  const examples = useQuery({ queryKey: keys.examples, queryFn: listExamples, staleTime: Number.POSITIVE_INFINITY });
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
      {tried && (
        <Suspense fallback={null}>
          <Try example={tried} title={titleOf(tried)} close={() => attempt(undefined)} />
        </Suspense>
      )}
      {use.error && <ProblemNote fault={use.error} />}
      <ul className="columns" aria-label="Examples">
        {(first ? examples.data.filter((one) => FIRST.includes(one.name)) : examples.data).map((one) => (
          <li key={one.name} className="example">
            <div className="example-picture">
              <Sketch definition={one.definition} label={`Graph of ${titleOf(one)}`} />
            </div>
            <div className="example-words">
              <h3 className="workflow-name">{titleOf(one)}</h3>
              <p className="quiet small">{one.about.replaceAll('`', '')}</p>
              <div className="row">
                <Button
                  variant="default"
                  size="compact-md"
                  aria-label={`Use this: ${titleOf(one)}`}
                  loading={use.isPending && use.variables?.name === one.name}
                  onClick={() => use.mutate(one)}
                >
                  Use this
                </Button>
                <Button
                  variant="subtle"
                  size="compact-md"
                  aria-label={`Try it with ${sampleOf(one)}: ${titleOf(one)}`}
                  onClick={() => attempt(one)}
                >
                  Try it with {sampleOf(one)}
                </Button>
              </div>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
