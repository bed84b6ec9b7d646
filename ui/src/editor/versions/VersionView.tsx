// A version that was: as it was drawn, or what is otherwise since then, on the graph and by meaning.
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { post, type Schemas } from '@/api/client';
import { Graph } from '@/graph/Graph';
import { useReadDrawing } from '@/graph/useReadDrawing';
import { useVersion } from '@/pages/workflow/Versions';
import { ProblemNote } from '@/parts/ProblemNote';
import type { Catalogue } from '../catalogue';
import type { Definition } from '../model';
import { Meaning } from '../publish/Meaning';
import '../publish/publish.css';
import { useDrawing, useEditor } from '../state';
import { compared } from './compared';

export interface VersionProps {
  shown: Schemas['Workflow'];
  catalogue: Catalogue;
  version: number;
  leave: () => void;
}

export default function VersionView({ shown, catalogue, version, leave }: VersionProps) {
  const editor = useEditor();
  const drawn = useDrawing();
  const [view, setView] = useState<'changes' | 'was'>('changes');
  const old = useVersion(shown.id, version);
  const diff = useQuery({
    queryKey: ['diff', shown.id, version, drawn],
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    placeholderData: (before) => before,
    queryFn: () =>
      post('/api/v1/workflows/{workflow}/diff', {
        params: { path: { workflow: shown.id } },
        body: { from: version, definition: drawn } as never,
      }),
  });
  const [older, newer] = [useReadDrawing(old.data?.definition), useReadDrawing(drawn)];
  const both = useMemo(() => older && newer && compared(older, newer, diff.data), [older, newer, diff.data]);
  const takeUp = () => {
    if (!old.data) return;
    const definition = old.data.definition as Definition;
    editor.getState().edit(() => definition);
    editor.getState().choose([]);
    leave();
  };
  return (
    <div className="version-view">
      <div className="row version-head">
        <div className="tabs" role="group" aria-label="What of it">
          <button type="button" aria-pressed={view === 'changes'} onClick={() => setView('changes')}>
            Since v{version}
          </button>
          <button type="button" aria-pressed={view === 'was'} onClick={() => setView('was')}>
            As it was
          </button>
        </div>
        <span className="grow" />
        <Button variant="default" disabled={!old.data} onClick={takeUp} title="It becomes the draft; ⌘Z takes that back">
          Draw it again
        </Button>
        <Button onClick={leave}>Back to the draft</Button>
      </div>
      {old.error ? (
        <div className="page">
          <ProblemNote fault={old.error} />
        </div>
      ) : (
        <div className="version-body">
          <div className="canvas">
            {both &&
              older &&
              (view === 'was' ? (
                <Graph key="was" drawing={older} label={`v${version} of ${shown.name}`} />
              ) : (
                <Graph key="changes" drawing={both.drawing} changes={both.changes} label={`What is otherwise since v${version}`} />
              ))}
          </div>
          {view === 'changes' && (
            <section className="version-meaning" aria-label="What it means">
              <h2>{diff.data?.same ? `It does the same as v${version}` : `Since v${version}`}</h2>
              {diff.error ? <ProblemNote fault={diff.error} /> : diff.data && <Meaning diff={diff.data} catalogue={catalogue} />}
            </section>
          )}
        </div>
      )}
    </div>
  );
}
