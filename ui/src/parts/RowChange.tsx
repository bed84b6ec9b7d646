// A row before and after, column by column.
export const shown = (value: unknown) =>
  value === undefined || value === null ? '–' : typeof value === 'object' ? JSON.stringify(value) : String(value);
const same = (one: unknown, other: unknown) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

export interface RowChangeProps {
  table: string;
  before?: unknown;
  after?: unknown;
  /** Without the columns that stayed as they were. */
  isBrief?: boolean;
}

export function RowChange({ table, before, after, isBrief = false }: RowChangeProps) {
  const old = (before ?? {}) as Record<string, unknown>;
  const now = (after ?? {}) as Record<string, unknown>;
  const columns = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter(
    (column) => !isBrief || !before || !after || !same(old[column], now[column]),
  );
  return (
    <table className="changed">
      <caption>
        {before ? (after ? 'Changed' : 'Deleted') : 'Added'} in <code>{table}</code>
      </caption>
      <tbody>
        {columns.map((column) => (
          <tr key={column}>
            <th scope="row">{column}</th>
            <td>
              {Boolean(before) && (
                <>
                  <del>{shown(old[column])}</del>
                  {after ? ' → ' : ''}
                </>
              )}
              {after ? <ins>{shown(now[column])}</ins> : null}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
