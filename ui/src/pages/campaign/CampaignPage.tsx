// One campaign: drafted with whom it goes to in sight; then how far it is, and who opened it.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from 'wouter';
import { get, post, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { Confirm } from '@/parts/Confirm';
import { Panel } from '@/parts/Panel';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { Status } from '@/parts/Status';
import { absolute, useZone } from '@/parts/time';
import { When } from '@/parts/When';
import { audienceWords, people } from './audience';
import { Bar, SHARES } from './Bar';
import { DraftView } from './DraftView';
import { Hits } from './Hits';
import '../workflow/workflow.css';
import './campaign.css';

export const LIST = { label: 'Campaigns', to: '/campaigns' };
/** While it is sent the stream tells of its state, not of each mail. */
const EVERY_MS: Record<string, number> = { sending: 1000, scheduled: 30_000 };

export default function CampaignPage() {
  const { id = '' } = useParams();
  const found = useQuery({
    queryKey: keys.campaign(id),
    queryFn: () => get('/api/v1/campaigns/{campaign}', { params: { path: { campaign: id } } }),
    refetchInterval: (query) => EVERY_MS[query.state.data?.campaign.status ?? ''] ?? false,
  });
  if (found.error && !found.data)
    return (
      <>
        <TopLine title="Campaign" from={LIST} />
        <div className="page">
          <ProblemNote fault={found.error} retry={() => found.refetch()} />
        </div>
      </>
    );
  if (!found.data)
    return (
      <>
        <TopLine title="…" from={LIST} />
        <div className="page">
          <Skeletons />
        </div>
      </>
    );
  return found.data.campaign.status === 'draft' ? <DraftView key={id} stored={found.data} /> : <Going shown={found.data} />;
}

function Going({ shown }: { shown: Schemas['ShownCampaign'] }) {
  const { campaign, plan, would_go_to } = shown;
  const zone = useZone((state) => state.zone);
  const isBegun = Boolean(campaign.started_at);
  return (
    <>
      <TopLine title={campaign.name} from={LIST} state={<Status status={campaign.status} />}>
        <Steer one={campaign} />
      </TopLine>
      <div className="page narrow" tabIndex={0} role="region" aria-label="How it goes">
        <div className="stack">
          {campaign.error && <ProblemNote fault={{ code: 'campaign', detail: campaign.error }} />}
          {isBegun ? (
            <Far one={campaign} />
          ) : (
            <Panel title="Before it starts">
              <p>
                {campaign.scheduled_at ? (
                  <>
                    It starts on <When at={campaign.scheduled_at} exact />.
                  </>
                ) : (
                  'It starts within seconds.'
                )}{' '}
                By now it would go to {people(would_go_to ?? 0)}.
              </p>
            </Panel>
          )}
          {isBegun && plan.tracks && <Hits id={campaign.id} startedAt={campaign.started_at ?? campaign.created_at} sent={campaign.sent} />}
          {isBegun && !plan.tracks && (
            <Panel title="Opened and followed">
              <p className="quiet">Nothing is noted: its template does not track.</p>
            </Panel>
          )}
          <Panel title="What it does">
            <dl className="facts">
              <dt>To</dt>
              <dd>{audienceWords(plan, (at) => absolute(new Date(at), zone)).join(', ')}</dd>
              <dt>Mail</dt>
              <dd>
                {plan.template ?? '–'}
                {plan.subject && <span className="quiet">, with the subject {plan.subject}</span>}
              </dd>
              <dt>Pace</dt>
              <dd>
                at most {plan.rate_per_minute.toLocaleString('en')} mails a minute
                {plan.quiet_hours
                  ? `, nothing from ${String((plan.quiet_hours as Record<string, unknown>)['from'])} until ${String((plan.quiet_hours as Record<string, unknown>)['until'])}`
                  : ''}
              </dd>
              {plan.limit_to_stock && (
                <>
                  <dt>Limit</dt>
                  <dd>no more than there are pieces</dd>
                </>
              )}
            </dl>
          </Panel>
        </div>
      </div>
    </>
  );
}

function Far({ one }: { one: Schemas['Campaign'] }) {
  return (
    <Panel
      title={`${one.sent.toLocaleString('en')} of ${one.recipients.toLocaleString('en')} sent`}
      aside={
        <span className="quiet small">
          {one.finished_at ? (
            <>
              done <When at={one.finished_at} />
            </>
          ) : (
            one.started_at && (
              <>
                began <When at={one.started_at} />
              </>
            )
          )}
        </span>
      }
    >
      <div className="stack tight">
        <Bar of={one} />
        <ul className="legend" aria-label="How far it is">
          {SHARES.map(
            (share) =>
              one[share.of] > 0 && (
                <li key={share.of}>
                  <span className={`legend-mark is-${share.tone}`} aria-hidden="true" />
                  {share.label} <strong>{one[share.of].toLocaleString('en')}</strong>
                </li>
              ),
          )}
        </ul>
      </div>
    </Panel>
  );
}

function Steer({ one }: { one: Schemas['Campaign'] }) {
  const may = useMay('operate');
  const client = useQueryClient();
  if (!may) return null;
  const path = { campaign: one.id };
  const after = async () => {
    await client.invalidateQueries({ queryKey: keys.campaign(one.id) });
    await client.invalidateQueries({ queryKey: keys.campaigns });
  };
  const act = (how: 'pause' | 'resume' | 'cancel') => async () => {
    await post(`/api/v1/campaigns/{campaign}/${how}`, { params: { path } });
    await after();
  };
  const left = one.started_at ? one.queued + one.sending : undefined;
  const rest = left === undefined ? 'Nobody was mailed yet.' : `${people(left)} ${left === 1 ? 'is' : 'are'} yet to be mailed.`;
  return (
    <>
      {['scheduled', 'sending', 'paused'].includes(one.status) && (
        <Confirm
          label="Cancel"
          danger
          does="Call it off for good"
          act={act('cancel')}
          says={`${rest} They never will be. What was sent can’t be taken back.`}
        />
      )}
      {['scheduled', 'sending'].includes(one.status) && (
        <Confirm label="Pause" does="Pause it" act={act('pause')} says={`${rest} They wait until somebody resumes it.`} />
      )}
      {one.status === 'paused' && (
        <Confirm
          label="Resume"
          variant="filled"
          does={left === undefined ? 'Resume it' : `Send to ${people(left)}`}
          act={act('resume')}
          says={rest}
        />
      )}
    </>
  );
}
