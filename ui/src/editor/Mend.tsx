// What the compiler says, as a list that leads to its nodes.
import { useMemo } from 'react';
import { Coded } from '@/parts/Coded';
import { type Catalogue, labelOf } from './catalogue';
import { nodeOf } from './model';
import { useDrawing, useEdited, useEditor } from './state';

export const things = (count: number) => (count === 1 ? '1 thing to mend' : `${count} things to mend`);

export function Mend({ catalogue }: { catalogue: Catalogue }) {
  const editor = useEditor();
  const drawing = useDrawing();
  const diagnostics = useEdited((state) => state.diagnostics);
  const sorted = useMemo(() => [...diagnostics].sort((one, other) => one.severity.localeCompare(other.severity)).slice(0, 50), [diagnostics]);
  if (sorted.length === 0) return null;
  const faults = diagnostics.filter((one) => one.severity === 'error').length;
  return (
    <section className="aside-part mend">
      <h2>{faults > 0 ? things(faults) : diagnostics.length === 1 ? '1 thing to look at' : `${diagnostics.length} things to look at`}</h2>
      <ul className="choices">
        {sorted.map((one, at) => {
          const node = one.node ? nodeOf(drawing, one.node) : undefined;
          const said = (
            <>
              <span className={`mark is-${one.severity === 'error' ? 'failed' : 'waiting'}`} role="img" aria-label={one.severity}>{one.severity === 'error' ? '✕' : '◐'}</span>
              <span className="grow">{node && <strong>{labelOf(node, catalogue)}: </strong>}<Coded>{one.message}</Coded>{one.help && <span className="quiet small block"><Coded>{one.help}</Coded></span>}</span>
            </>
          );
          return <li key={at}>{node ? <button type="button" onClick={() => editor.getState().open(one.node ?? undefined)}>{said}</button> : <div className="row top-row mend-row">{said}</div>}</li>;
        })}
      </ul>
    </section>
  );
}
