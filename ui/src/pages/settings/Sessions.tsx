// Who is signed in, and a way to end that.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { get, remove } from '@/api/client';
import { keys } from '@/api/keys';
import { Confirm } from '@/parts/Confirm';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { When } from '@/parts/When';

export function Sessions() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: keys.sessions, queryFn: () => get('/api/v1/sessions', { params: { query: { limit: 50 } } }) });
  const end = (id: string) => async () => {
    await remove('/api/v1/sessions/{session}', { params: { path: { session: id } } });
    await client.invalidateQueries({ queryKey: keys.sessions });
    await client.invalidateQueries({ queryKey: keys.session });
  };
  const open = found.data?.items.filter((one) => !one.ended_at && Date.parse(one.expires_at) > Date.now()) ?? [];
  return (
    <Panel title="Who is signed in" flush>
      {found.error && (
        <div className="panel-body">
          <ProblemNote fault={found.error} />
        </div>
      )}
      <ul className="plain-list">
        {open.map((one) => (
          <li key={one.id}>
            <span className="grow truncate">{one.who}</span>
            <span className="quiet small">
              since <When at={one.began_at} />
            </span>
            <span className="quiet small wide">
              until <When at={one.expires_at} />
            </span>
            <Confirm
              label="End"
              does="End 1 session"
              danger
              says={`${one.who} is signed out at once. If that is you, you are.`}
              act={end(one.id)}
            />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
