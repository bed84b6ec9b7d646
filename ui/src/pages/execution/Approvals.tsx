// What this execution asks of an admin.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { Confirm } from '@/parts/Confirm';

type Approval = Schemas['Approval'];

/** Of all that wait: the list is short, and other pages have it, too. */
async function asked(execution: string): Promise<Approval[]> {
  const found: Approval[] = [];
  let cursor: string | undefined;
  do {
    const page = await get('/api/v1/approvals', { params: { query: { limit: 200, cursor } } });
    found.push(...page.items.filter((one) => one.execution === execution));
    cursor = page.next;
  } while (cursor && found.length === 0);
  return found;
}

export function Approvals({ execution, isWaiting }: { execution: string; isWaiting: boolean }) {
  const client = useQueryClient();
  const may = useMay('operate');
  const found = useQuery({ queryKey: [...keys.approvals, execution], queryFn: () => asked(execution), enabled: isWaiting });
  if (!isWaiting || !found.data || found.data.length === 0) return null;
  const answer =
    (one: Approval, path: '/api/v1/executions/{execution}/approve' | '/api/v1/executions/{execution}/refuse') =>
    async (comment: string) => {
      await post(path, { params: { path: { execution } }, body: { node: one.node, item: one.item, ...(comment ? { comment } : {}) } });
      await client.invalidateQueries({ queryKey: keys.approvals });
      await client.invalidateQueries({ queryKey: keys.execution(execution) });
    };
  return (
    <section className="aside-part is-asked" aria-label="Waiting for your answer">
      {found.data.map((one) => (
        <div key={`${one.node}-${one.item}`} className="stack tight">
          <h2>{one.question ?? 'This waits for an approval'}</h2>
          {may && (
            <div className="row">
              <Confirm
                label="Approve"
                variant="filled"
                does="Approve"
                comment="Comment (later nodes see it)"
                says="The execution goes on at once, by the way “approved”."
                act={answer(one, '/api/v1/executions/{execution}/approve')}
              />
              <Confirm
                label="Refuse"
                does="Refuse"
                danger
                comment="Comment (later nodes see it)"
                says="The execution goes on at once, by the way “refused”."
                act={answer(one, '/api/v1/executions/{execution}/refuse')}
              />
            </div>
          )}
        </div>
      ))}
    </section>
  );
}
