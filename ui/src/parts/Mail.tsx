// A mail as it would look: its head, its HTML in a frame that may do nothing (and has the page's own policy), its plain text.
import { useState } from 'react';

export interface MailProps {
  to?: string | null;
  subject: string;
  html?: string | null;
  text?: string | null;
  headers?: readonly [string, string][];
}

export function Mail({ to, subject, html, text, headers = [] }: MailProps) {
  const [wanted, setWanted] = useState<'html' | 'text'>('html');
  const shown = html ? wanted : 'text';
  return (
    <div className="stack tight mail-parts">
      <dl className="facts">
        <dt>To</dt>
        <dd>{to || <span className="quiet">nobody known</span>}</dd>
        <dt>Subject</dt>
        <dd>{subject}</dd>
        {headers.map(([name, value]) => [
          <dt key={name}>{name}</dt>,
          <dd key={`${name}=`} className="quiet">
            {value}
          </dd>,
        ])}
      </dl>
      {html && (
        <div className="tabs" role="group" aria-label="Part of the mail">
          {(['html', 'text'] as const).map((one) => (
            <button key={one} type="button" aria-pressed={shown === one} onClick={() => setWanted(one)}>
              {{ html: 'As it looks', text: 'Plain text' }[one]}
            </button>
          ))}
        </div>
      )}
      {shown === 'html' && html ? (
        <iframe className="mail" title="The mail as it looks" sandbox="" srcDoc={html} />
      ) : (
        <pre className="data mail-text" tabIndex={0} role="group" aria-label="As plain text">
          {text}
        </pre>
      )}
    </div>
  );
}
