// Mails and requests, and what became of each. What one says is read when it is opened.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { get, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { Mail } from '@/parts/Mail';
import { Drawer } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { Data } from './Steps';

type Delivery = Schemas['Delivery'];
const part = (value: unknown, name: string): string => {
  const found = (value as Record<string, unknown> | null)?.[name];
  return typeof found === 'string' ? found : '';
};

export function Deliveries({ found, labels, missing }: { found: readonly Delivery[]; labels: Map<string, string>; missing: number }) {
  const [open, setOpen] = useState<Delivery>();
  if (found.length === 0) return null;
  return (
    <section className="aside-part">
      <h2>Mails and requests</h2>
      <ul className="choices">
        {found.map((one) => (
          <li key={one.id}>
            <button type="button" onClick={() => setOpen(one)}>
              <Status status={one.status} />
              <span className="grow truncate">
                {one.subject || (one.method ? `${one.method} ${one.to ?? ''}` : one.to) || labels.get(one.node_id) || one.node_id}
              </span>
              {one.attempt > 1 && <span className="pill">{one.attempt} tries</span>}
            </button>
          </li>
        ))}
      </ul>
      {missing > 0 && <p className="quiet small">Only the first {found.length} are shown here.</p>}
      <Drawer title={open?.kind === 'email' ? 'Mail' : 'Request'} isOpen={open !== undefined} close={() => setOpen(undefined)}>
        {open && <Shown one={open} />}
      </Drawer>
    </section>
  );
}

function Shown({ one }: { one: Delivery }) {
  const whole = useQuery({
    queryKey: keys.delivery(one.id),
    queryFn: () => get('/api/v1/deliveries/{delivery}', { params: { path: { delivery: one.id } } }),
  });
  const said = whole.data?.payload;
  return (
    <div className="stack">
      <div className="row">
        <Status status={one.status} />
        {one.attempt > 1 && <span className="quiet">after {one.attempt} tries</span>}
      </div>
      {one.reason && <p className="quiet">{one.reason}</p>}
      {one.file && (
        <p className="quiet small">
          Written to <code>{one.file}</code>
        </p>
      )}
      {whole.error ? (
        <ProblemNote fault={whole.error} retry={() => whole.refetch()} />
      ) : !whole.data ? (
        <Skeletons count={4} />
      ) : one.kind === 'email' ? (
        <Mail to={part(said, 'to')} subject={part(said, 'subject')} html={part(said, 'html')} text={part(said, 'text')} />
      ) : (
        <Data label="What is sent" value={said} />
      )}
      {whole.data?.result != null && (
        <div className="stack tight came-of-it">
          <h3>What came of it</h3>
          <Data label="What came of it" value={whole.data.result} />
        </div>
      )}
    </div>
  );
}
