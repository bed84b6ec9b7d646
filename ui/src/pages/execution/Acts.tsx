// What can be done with an execution: only what makes sense in its state, each said before it is done.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { Confirm } from '@/parts/Confirm';
import { ProblemNote } from '@/parts/ProblemNote';

const counted = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

export function Acts({ one, deliveries }: { one: Schemas['ExecutionDetail']; deliveries: readonly Schemas['Delivery'][] }) {
  const client = useQueryClient();
  const may = useMay('operate');
  const path = { execution: one.id };
  const dryUndo = useMutation({
    mutationFn: () => post('/api/v1/executions/{execution}/undo', { params: { path }, body: { confirm: false } }),
  });
  if (!may) return null;
  const after = async () => {
    await client.invalidateQueries({ queryKey: keys.execution(one.id) });
    await client.invalidateQueries({ queryKey: keys.executionLists });
  };
  const retry = async () => {
    await post('/api/v1/executions/retry', { body: { which: { executions: [one.id] }, from: 'failed', on: 'original' } });
    await after();
  };
  const cancel = async () => {
    await post('/api/v1/executions/cancel', { body: { which: { executions: [one.id] } } });
    await after();
  };
  const undo = async () => {
    await post('/api/v1/executions/{execution}/undo', { params: { path }, body: { confirm: true } });
    await after();
  };
  const sent = deliveries.filter((each) => each.status === 'sent').length;
  const would = dryUndo.data;
  const conflicts = would?.changes.filter((change) => change.conflict).length ?? 0;
  return (
    <>
      {one.status === 'waiting' && (
        <Confirm
          label="Cancel"
          does="Cancel 1 execution"
          danger
          act={cancel}
          says="It ends here. What it has done stays done; undo can put that back."
        />
      )}
      {one.status !== 'waiting' && !one.undone_at && (
        <Confirm
          label="Undo"
          danger
          act={undo}
          prepare={() => dryUndo.mutate()}
          does={would ? `Put back ${counted(would.changes.length, 'row')}` : 'Undo'}
          says={
            dryUndo.error ? (
              <ProblemNote fault={dryUndo.error} />
            ) : !would ? (
              'Looking at what would be put back…'
            ) : (
              <ul className="bullets">
                <li>
                  {counted(would.changes.length, 'row')} would be put back
                  {conflicts > 0 && (
                    <>
                      ; <strong>{conflicts} changed since, so nothing is undone</strong>
                    </>
                  )}
                  .
                </li>
                {would.called_off > 0 && (
                  <li>{counted(would.called_off, 'mail or request', 'mails and requests')} that had not begun would be called off.</li>
                )}
                {sent > 0 && <li>{counted(sent, 'mail or request', 'mails and requests')} went out: that can’t be taken back.</li>}
              </ul>
            )
          }
        />
      )}
      {(one.status === 'failed' || one.status === 'cancelled') && (
        <Confirm
          label="Try again"
          variant="filled"
          does="Try 1 execution again"
          act={retry}
          says={`It goes on from where it ${one.status === 'failed' ? 'failed' : 'was ended'}, on version ${one.version}. What it has done is kept and not done twice.`}
        />
      )}
    </>
  );
}
