// Where a node leads, as a list: ways are drawn and taken away without a mouse, too.
import { type Catalogue, branchesOf, kindOf, labelOf } from '../catalogue';
import { refusal } from '../connecting';
import { branchOf, connect, edgesOf, idOf, nodeOf, nodesOf, type Raw, remove, text } from '../model';
import { useDrawing, useEditor } from '../state';

export function Ways({ id, node, catalogue }: { id: string; node: Raw; catalogue: Catalogue }) {
  const editor = useEditor();
  const drawing = useDrawing();
  const branches = branchesOf(node, kindOf(node, catalogue));
  const named = (one: string) => labelOf(nodeOf(drawing, one) ?? { id: one }, catalogue);
  return (
    <section className="aside-part" aria-label="Ways">
      <h2>Leads to</h2>
      {(branches.length === 0 ? [null] : branches).map((branch) => {
        const ways = edgesOf(drawing).filter((edge) => text(edge.source) === id && branchOf(edge) === branch);
        const others = nodesOf(drawing).filter(
          (one) => refusal(drawing, catalogue, { source: id, target: idOf(one), branch }) === undefined,
        );
        const from = branch ? `From “${branch}”` : 'Next';
        if (ways.length === 0 && others.length === 0) return null;
        return (
          <div key={branch ?? ''} className="form-field">
            <span>{from}</span>
            {ways.map((edge) => (
              <div key={idOf(edge)} className="row">
                <button type="button" className="text-button grow truncate" onClick={() => editor.getState().open(text(edge.target))}>
                  {named(text(edge.target))}
                </button>
                <button
                  type="button"
                  className="close"
                  aria-label={`Take away the way to ${named(text(edge.target))}`}
                  onClick={() => editor.getState().edit((drawn) => remove(drawn, new Set(), new Set([idOf(edge)])))}
                >
                  ×
                </button>
              </div>
            ))}
            {others.length > 0 && (
              <select
                className="input"
                aria-label={`${from}: lead to`}
                value=""
                onChange={(change) => {
                  const target = change.currentTarget.value;
                  editor.getState().edit((drawn) => connect(drawn, { source: id, target, branch }));
                }}
              >
                <option value="">Lead to…</option>
                {others.map((one) => (
                  <option key={idOf(one)} value={idOf(one)}>
                    {labelOf(one, catalogue)}
                  </option>
                ))}
              </select>
            )}
          </div>
        );
      })}
    </section>
  );
}
