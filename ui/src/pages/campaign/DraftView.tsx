// A campaign that nobody was sent yet: what it sends and to whom, saved as one goes; beside it who that would be.
import { Button } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { get, put, type Schemas } from '@/api/client';
import { keys } from '@/api/keys';
import { type Problem, problemOf } from '@/api/problem';
import { useMay } from '@/frame/session';
import { TopLine } from '@/frame/TopLine';
import { ProblemNote } from '@/parts/ProblemNote';
import { Skeletons } from '@/parts/Skeletons';
import { When } from '@/parts/When';
import { people, tidy, type Wanted, wantedOf } from './audience';
import { Conditions } from './Conditions';
import { Send } from './Send';
import { What } from './What';

type Stored = Schemas['ShownCampaign'];
const PAUSE_MS = 600;
const AGAIN_MS = 3000;

/** Saves what is typed, one request after the other, each with the edition of the one before. */
function useSaving(stored: Stored) {
  const client = useQueryClient();
  const id = stored.campaign.id;
  const [mine, setMine] = useState<Wanted>();
  const [problem, setProblem] = useState<Problem>();
  const state = useRef({ edition: stored.edition, wanted: undefined as Wanted | undefined, isBusy: false });
  if (!mine && !state.current.isBusy) state.current.edition = stored.edition;
  const save = async () => {
    const now = state.current;
    if (now.isBusy || !now.wanted) return;
    now.isBusy = true;
    const sent = now.wanted;
    try {
      const written = await put('/api/v1/campaigns/{campaign}', {
        params: { path: { campaign: id }, header: { 'If-Match': `"${now.edition}"` } },
        body: tidy(sent),
      });
      now.edition = written.edition;
      client.setQueryData(keys.campaign(id), written);
      void client.invalidateQueries({ queryKey: [...keys.campaign(id), 'sample'] });
      void client.invalidateQueries({ queryKey: keys.campaigns });
      setProblem(undefined);
      if (now.wanted === sent) {
        now.wanted = undefined;
        setMine(undefined);
      }
    } catch (fault) {
      const told = problemOf(fault);
      setProblem(told);
      if (told.isPassing) {
        now.isBusy = false;
        setTimeout(() => void save(), AGAIN_MS);
        return;
      }
      if (now.wanted === sent) now.wanted = undefined;
    }
    now.isBusy = false;
    if (now.wanted) void save();
  };
  const later = useDebouncedCallback(save, { delay: PAUSE_MS, flushOnUnmount: true });
  return {
    wanted: mine ?? wantedOf(stored.campaign.name, stored.plan),
    problem,
    isSaved: mine === undefined,
    change: (next: Wanted) => {
      state.current.wanted = next;
      setMine(next);
      later();
    },
    takeTheirs: () => {
      state.current.wanted = undefined;
      setMine(undefined);
      setProblem(undefined);
      void client.invalidateQueries({ queryKey: keys.campaign(id) });
    },
    goOn: async () => {
      const theirs = await get('/api/v1/campaigns/{campaign}', { params: { path: { campaign: id } } });
      state.current = { ...state.current, edition: theirs.edition, wanted: mine };
      await save();
    },
  };
}

export function DraftView({ stored }: { stored: Stored }) {
  const may = useMay('author');
  const mayRead = useMay('read');
  const { wanted, problem, isSaved, change, takeTheirs, goOn } = useSaving(stored);
  const templates = useQuery({
    queryKey: [...keys.templates, 'some'],
    enabled: mayRead,
    queryFn: () => get('/api/v1/templates', { params: { query: { limit: 200 } } }),
  });
  const isOvertaken = problem?.status === 412;
  return (
    <>
      <TopLine
        title={wanted.name || '…'}
        from={{ label: 'Campaigns', to: '/campaigns' }}
        state={
          <>
            <span className="pill is-draft">Draft</span>
            <span className="quiet small" role="status">
              {isSaved ? 'Saved' : problem ? 'Not saved' : 'Saving…'}
            </span>
          </>
        }
      >
        <Send stored={stored} isSaved={isSaved} />
      </TopLine>
      <div className="with-aside">
        <div className="page draft-page">
          <div className="stack">
            {isOvertaken ? (
              <div className="problem" role="alert">
                <span className="mark is-waiting" aria-hidden="true">
                  ◐
                </span>
                <div className="grow stack tight">
                  <p>Somebody else changed this meanwhile. Nothing of either is lost yet.</p>
                  <div className="row">
                    <Button variant="default" onClick={takeTheirs}>
                      Take theirs
                    </Button>
                    <Button variant="default" onClick={() => void goOn()}>
                      Go on with mine
                    </Button>
                  </div>
                </div>
              </div>
            ) : (
              problem && <ProblemNote fault={problem} />
            )}
            <fieldset className="draft-fields" disabled={!may}>
              <legend className="sr-only">What it is to do</legend>
              <What wanted={wanted} change={change} templates={templates.data?.items ?? []} />
              <Conditions wanted={wanted} change={change} />
            </fieldset>
          </div>
        </div>
        <aside className="aside" aria-label="Whom it goes to">
          <WhoGetsIt stored={stored} isSaved={isSaved} />
        </aside>
      </div>
    </>
  );
}

function WhoGetsIt({ stored, isSaved }: { stored: Stored; isSaved: boolean }) {
  const id = stored.campaign.id;
  const sample = useQuery({
    queryKey: [...keys.campaign(id), 'sample'],
    queryFn: () => get('/api/v1/campaigns/{campaign}/sample', { params: { path: { campaign: id } } }),
  });
  const count = stored.would_go_to ?? 0;
  return (
    <>
      <div className={`aside-part who-many ${isSaved ? '' : 'is-old'}`} role="status">
        <span className="quiet small">By now it would go to</span>
        <strong>{people(count)}</strong>
        <span className="quiet small">Who wants no such mail is left out when it is sent.</span>
      </div>
      <div className="aside-part">
        <h2>{count > 20 ? 'The first 20' : 'They are'}</h2>
        {sample.error ? (
          <ProblemNote fault={sample.error} />
        ) : !sample.data ? (
          <Skeletons count={5} height={40} />
        ) : sample.data.people.length === 0 ? (
          <p className="quiet">Nobody. Take a condition away.</p>
        ) : (
          <ul className="people">
            {sample.data.people.map((one) => (
              <li key={one.email}>
                <span className="truncate">
                  {one.name ?? one.email}
                  {one.name && <span className="quiet small"> {one.email}</span>}
                </span>
                <span className="quiet small">
                  <When at={one.joined_at} />
                </span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </>
  );
}
