// What one must know of the draft: whether it is kept, and who else wrote.
import { Button } from '@mantine/core';
import { useState } from 'react';
import { Graph } from '@/graph/Graph';
import { useReadDrawing } from '@/graph/useReadDrawing';
import { Drawer } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { takeTheirs, writeMine } from './keeping';
import { useEdited, useEditor } from './state';

const SAID = {
  kept: 'Kept',
  changed: 'Kept in a moment',
  keeping: 'Being kept',
  offline: 'Not kept yet: the daemon does not answer; tried again',
  conflict: 'Not kept: somebody else changed this draft',
  refused: 'Not kept',
} as const;

export function Kept() {
  const keeping = useEdited((state) => state.keeping);
  return (
    <span className={`kept is-${keeping}`} role="status" title={SAID[keeping]}>
      <i aria-hidden="true" />
      <span className={keeping === 'offline' || keeping === 'refused' || keeping === 'conflict' ? undefined : 'sr-only'}>
        {SAID[keeping]}
      </span>
    </span>
  );
}

export function Banner() {
  const editor = useEditor();
  const [keeping, theirs, fault] = [
    useEdited((state) => state.keeping),
    useEdited((state) => state.theirs),
    useEdited((state) => state.fault),
  ];
  const [isShown, setShown] = useState(false);
  const drawing = useReadDrawing(theirs?.definition);
  if (keeping === 'refused')
    return (
      <div className="banner">
        <ProblemNote fault={fault} />
      </div>
    );
  if (keeping !== 'conflict') return null;
  return (
    <div className="banner" role="alert">
      <span className="mark is-waiting" aria-hidden="true">
        ◐
      </span>
      <span className="grow">Somebody else changed this draft. Yours is all here, and not written yet.</span>
      <Button variant="default" disabled={!drawing} onClick={() => setShown(true)}>
        See theirs
      </Button>
      <Button variant="default" disabled={!theirs} onClick={() => takeTheirs(editor)}>
        Take theirs
      </Button>
      <Button onClick={() => writeMine(editor)} disabled={!theirs}>
        Write mine over theirs
      </Button>
      <Drawer title="Their draft" isOpen={isShown} close={() => setShown(false)}>
        <div className="theirs">{drawing && <Graph drawing={drawing} label="Their draft" />}</div>
      </Drawer>
    </div>
  );
}
