// Mails as mails, requests as requests; and what became of each.
import { useState } from 'react';
import type { Schemas } from '@/api/client';
import { Drawer } from '@/parts/Panel';
import { Status } from '@/parts/Status';
import { Data } from './Steps';

type Delivery = Schemas['Delivery'];
const part = (value: unknown, name: string): string => {
  const found = (value as Record<string, unknown> | null)?.[name];
  return typeof found === 'string' ? found : '';
};

export function Deliveries({ found, labels }: { found: readonly Delivery[]; labels: Map<string, string> }) {
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
              <span className="grow truncate">{part(one.payload, 'subject') || part(one.payload, 'url') || labels.get(one.node_id) || one.node_id}</span>
              {one.attempt > 1 && <span className="pill">{one.attempt} tries</span>}
            </button>
          </li>
        ))}
      </ul>
      <Drawer title={open?.kind === 'email' ? 'Mail' : 'Request'} isOpen={open !== undefined} close={() => setOpen(undefined)}>
        {open && <Shown one={open} />}
      </Drawer>
    </section>
  );
}

function Shown({ one }: { one: Delivery }) {
  const html = part(one.payload, 'html');
  return (
    <div className="stack">
      <div className="row"><Status status={one.status} />{one.attempt > 1 && <span className="quiet">after {one.attempt} tries</span>}</div>
      {one.kind === 'email' ? (
        <>
          <dl className="facts"><dt>To</dt><dd>{part(one.payload, 'to')}</dd><dt>Subject</dt><dd>{part(one.payload, 'subject')}</dd></dl>
          {html && <iframe className="mail" title="The mail as it looks" sandbox="" srcDoc={html} />}
          {part(one.payload, 'text') && <pre className="data" tabIndex={0} role="group" aria-label="As plain text">{part(one.payload, 'text')}</pre>}
        </>
      ) : <Data label="What is sent" value={one.payload} />}
      {one.result != null && <div className="stack tight came-of-it"><h3>What came of it</h3><Data label="What came of it" value={one.result} /></div>}
    </div>
  );
}
