// Subject, HTML and plain text of a mail, as templates; a fault stands at its part as one types.
import { useState } from 'react';
import { Code } from '@/parts/Code';
import { type Edit, faultIn, type Part } from './edits';
import type { Previewing } from './Preview';

/** What templates of mails read, for completion. */
const KNOWN = [
  'customer',
  'customer.name',
  'customer.email',
  'order',
  'order.total',
  'recipient',
  'recipient.name',
  'values',
  'now',
  'unsubscribe_url',
];

export function Parts({
  edit,
  change,
  preview,
  isReadOnly,
}: {
  edit: Edit;
  change: (part: Partial<Edit>) => void;
  preview: Previewing;
  isReadOnly: boolean;
}) {
  const [shown, setShown] = useState<'html' | 'text'>(edit.html || !edit.text ? 'html' : 'text');
  const wrong = faultIn(preview.problem);
  const at = (part: Part) => (wrong?.part === part ? wrong.fault : undefined);
  return (
    <>
      <div className="part-subject">
        <span className="quiet small" aria-hidden="true">
          Subject
        </span>
        <Code
          label="Subject"
          language="text"
          isLine
          known={KNOWN}
          value={edit.subject}
          onChange={(subject) => change({ subject })}
          fault={at('subject')}
          isReadOnly={isReadOnly}
        />
      </div>
      <div className="row part-choice">
        <div className="tabs" role="group" aria-label="Part that is written">
          {(['html', 'text'] as const).map((one) => (
            <button key={one} type="button" aria-pressed={shown === one} onClick={() => setShown(one)}>
              {{ html: 'HTML', text: 'Plain text' }[one]}
              {at(one) && (
                <span className="mark is-failed">
                  {' '}
                  ✕<span className="sr-only"> has a fault</span>
                </span>
              )}
            </button>
          ))}
        </div>
        {shown === 'text' && !edit.text && <span className="quiet small">Nothing here: it is made of the HTML</span>}
      </div>
      <div className="part-body">
        {shown === 'html' ? (
          <Code
            key="html"
            label="HTML"
            language="html"
            known={KNOWN}
            value={edit.html}
            onChange={(html) => change({ html })}
            fault={at('html')}
            isReadOnly={isReadOnly}
          />
        ) : (
          <Code
            key="text"
            label="Plain text"
            language="text"
            known={KNOWN}
            value={edit.text}
            onChange={(text) => change({ text })}
            fault={at('text')}
            isReadOnly={isReadOnly}
          />
        )}
      </div>
      <p className={`part-fault small ${wrong ? '' : 'quiet'}`} role="status">
        {wrong ? (
          <>
            <span className="mark is-failed" aria-hidden="true">
              ✕
            </span>{' '}
            {{ subject: 'Subject', html: 'HTML', text: 'Plain text' }[wrong.part]}: {wrong.fault.message}
          </>
        ) : (
          <>
            Gaps are written as <code>{'{{ customer.name }}'}</code>; Ctrl+Space completes.
          </>
        )}
      </p>
    </>
  );
}
