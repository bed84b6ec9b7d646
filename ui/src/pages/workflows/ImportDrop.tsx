// Files that are dropped anywhere on the list become drafts.
import { CloseButton } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type DragEvent, type ReactNode, useState } from 'react';
import { keys } from '@/api/keys';
import { listWorkflows } from '@/api/lists';
import { useMay } from '@/frame/session';
import { ProblemNote } from '@/parts/ProblemNote';
import { draftOf, drawingIn, freeName } from './import';

export function ImportDrop({ children }: { children: ReactNode }) {
  const [isOver, setOver] = useState(false);
  const [told, setTold] = useState<{ fault?: unknown; names: string[] }>();
  const client = useQueryClient();
  const mayDraw = useMay('author');
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const names: string[] = [];
    try {
      const taken = (await client.ensureQueryData({ queryKey: keys.workflows, queryFn: listWorkflows })).map((one) => one.name);
      for (const file of event.dataTransfer.files) {
        const { name, definition } = drawingIn(await file.text(), file.name);
        const free = freeName(name, [...taken, ...names]);
        await draftOf(free, definition);
        names.push(free);
      }
      setTold({ names });
    } catch (fault) {
      setTold({ fault, names });
    }
    await client.invalidateQueries({ queryKey: keys.workflows });
  };
  const over = (event: DragEvent) => {
    if (!mayDraw || !event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setOver(true);
  };
  return (
    <div className="drop" onDragOver={over} onDragLeave={(event) => event.currentTarget === event.target && setOver(false)} onDrop={drop}>
      {children}
      {isOver && <div className="drop-here">Drop to import as drafts</div>}
      {told && (
        <div className="drop-told" role="status">
          {told.fault !== undefined && <ProblemNote fault={told.fault} />}
          {told.names.length > 0 && (
            <div className="row">
              <span className="grow">
                {told.names.length} imported as {told.names.length === 1 ? 'a draft' : 'drafts'}: {told.names.join(', ')}
              </span>
              <CloseButton aria-label="Close" onClick={() => setTold(undefined)} />
            </div>
          )}
        </div>
      )}
    </div>
  );
}
