// The one button that reaches customers: it says how many, and is refused if that is more by the time it is pressed.
import { Checkbox } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { Confirm } from '@/parts/Confirm';
import { people } from './audience';

export function Send({ stored, isSaved }: { stored: Schemas['ShownCampaign']; isSaved: boolean }) {
  const may = useMay('operate');
  const client = useQueryClient();
  const [isLater, setLater] = useState(false);
  const [at, setAt] = useState('');
  if (!may) return null;
  const { campaign, plan, edition } = stored;
  const count = stored.would_go_to ?? 0;
  const lacks = !plan.template
    ? 'Say which mail it sends.'
    : plan.template_is_active === false
      ? 'Its template is not active.'
      : count === 0
        ? 'It would go to nobody.'
        : undefined;
  const act = async () => {
    const sent = await post('/api/v1/campaigns/{campaign}/send', {
      params: { path: { campaign: campaign.id }, header: { 'If-Match': `"${edition}"` } },
      body: { at_most: count, ...(isLater && at ? { at: new Date(at).toISOString() } : {}) },
    });
    client.setQueryData(keys.campaign(campaign.id), sent);
    await client.invalidateQueries({ queryKey: keys.campaigns });
  };
  const says = (
    <div className="stack tight">
      <p>
        {people(count)} get the mail <strong>{plan.template}</strong>
        {plan.subject && (
          <>
            , with the subject <strong>{plan.subject}</strong>
          </>
        )}
        , at most {plan.rate_per_minute.toLocaleString('en')} a minute. Who wants no such mail is left out.
      </p>
      <Checkbox label="Later" checked={isLater} onChange={(event) => setLater(event.currentTarget.checked)} />
      {isLater && (
        <label className="condition">
          When, in this browser’s time. Who fits is counted anew when it starts: those who fit by then get it.
          <input className="field" type="datetime-local" value={at} onChange={(event) => setAt(event.currentTarget.value)} />
        </label>
      )}
    </div>
  );
  return (
    <>
      {lacks && <span className="quiet small">{lacks}</span>}
      <Confirm
        label={`Send to ${people(count)}`}
        variant="filled"
        isDisabled={lacks !== undefined || !isSaved}
        isActDisabled={isLater && !at}
        does={isLater ? 'Send it then' : `Send to ${people(count)}`}
        says={says}
        act={act}
      />
    </>
  );
}
