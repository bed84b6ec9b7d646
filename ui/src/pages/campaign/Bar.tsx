// How far a campaign is, as one bar: what was taken, what was not, what is on its way, what is to come.
import type { Schemas } from '@/api/client';
import './campaign.css';

type Counts = Pick<Schemas['Campaign'], 'recipients' | 'sent' | 'failed' | 'unknown' | 'suppressed' | 'cancelled' | 'sending' | 'queued'>;

export const SHARES = [
  { of: 'sent', tone: 'succeeded', label: 'Sent' },
  { of: 'failed', tone: 'failed', label: 'Refused or came back' },
  { of: 'unknown', tone: 'failed', label: 'Unknown whether it arrived' },
  { of: 'suppressed', tone: 'skipped', label: 'Want no such mail' },
  { of: 'cancelled', tone: 'skipped', label: 'Called off' },
  { of: 'sending', tone: 'waiting', label: 'With the mail server' },
  { of: 'queued', tone: 'none', label: 'To come' },
] as const;

export function Bar({ of }: { of: Counts }) {
  const words = SHARES.filter((share) => of[share.of] > 0)
    .map((share) => `${share.label.toLowerCase()} ${of[share.of]}`)
    .join(', ');
  let from = 0;
  return (
    <svg
      className="far"
      viewBox="0 0 100 1"
      preserveAspectRatio="none"
      role="img"
      aria-label={`Of ${of.recipients}: ${words || 'none yet'}`}
    >
      {SHARES.map((share) => {
        const width = of.recipients > 0 ? (of[share.of] / of.recipients) * 100 : 0;
        const at = from;
        from += width;
        return width > 0 && <rect key={share.of} className={`bar is-${share.tone}`} x={at} y={0} width={width} height={1} />;
      })}
    </svg>
  );
}
