// One stream of what changes, and which kept answers are read anew by it.
import { type QueryClient, type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { create } from 'zustand';
import { keys } from './keys';

/** What the daemon tells of a topic. */
export interface Told {
  changed: { id: string; status?: string }[];
  more: number;
}

export const TOPICS = ['executions', 'workflows', 'campaigns', 'alerts', 'backtests'] as const;
export type Topic = (typeof TOPICS)[number];

/** Never told anew: who is signed in, what is being drawn on, and what is compiled in. */
const STILL = new Set<unknown>(['session', 'draft', 'examples', 'catalogue', 'version', 'event-kinds']);

/** The kept answers that a change makes old. */
export function touched(topic: Topic, told: Told): QueryKey[] {
  const each = (key: (id: string) => QueryKey, all: QueryKey) => (told.more > 0 ? [all] : told.changed.map(({ id }) => key(id)));
  switch (topic) {
    case 'executions':
      return [keys.executionLists, keys.outcomes, keys.approvals, keys.health, keys.deadLetters, ...each(keys.execution, ['execution'])];
    case 'workflows':
      return [keys.workflows, keys.outcomes, keys.health, ...each(keys.workflow, ['workflow'])];
    case 'campaigns':
      return [keys.campaigns, ...each(keys.campaign, ['campaign'])];
    case 'alerts':
      return [keys.alerts, keys.health];
    case 'backtests':
      return [keys.backtests, ...each(keys.backtest, ['backtest'])];
  }
}

/** All that may be old after a pause. */
export function refreshAll(client: QueryClient) {
  return client.invalidateQueries({ predicate: (query) => !STILL.has(query.queryKey[0]) });
}

/** Under steady change, what was asked last is answered before it is asked again, and this long passes, in ms. */
const REST = 1000;

/** Gathers what comes within `wait` ms, so that a thousand changes are one question. */
export function gather(client: QueryClient, wait = 250) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting = new Map<string, QueryKey>();
  let isAsking = false;
  const flush = async () => {
    timer = undefined;
    isAsking = true;
    const due = waiting;
    waiting = new Map();
    await Promise.allSettled([...due.values()].map((key) => client.invalidateQueries({ queryKey: key })));
    isAsking = false;
    if (waiting.size > 0) timer ??= setTimeout(() => void flush(), REST);
  };
  return {
    add(found: QueryKey[]) {
      for (const key of found) waiting.set(JSON.stringify(key), key);
      if (!isAsking) timer ??= setTimeout(() => void flush(), wait);
    },
    stop() {
      clearTimeout(timer);
    },
  };
}

/** Whether changes arrive. */
export const useConnection = create<{ isLive: boolean }>(() => ({ isLive: false }));

/** Listens as long as the studio is open. */
export function useLive(isSignedIn: boolean) {
  const client = useQueryClient();
  useEffect(() => {
    if (!isSignedIn) return;
    const waiting = gather(client);
    let source: EventSource | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const open = () => {
      source = new EventSource('/api/v1/live');
      source.onopen = () => useConnection.setState({ isLive: true });
      source.onerror = () => {
        useConnection.setState({ isLive: false });
        // A browser comes back by itself, but not after a refusal.
        if (source?.readyState !== EventSource.CLOSED) return;
        void client.invalidateQueries({ queryKey: keys.session });
        again = setTimeout(open, 5000);
      };
      source.addEventListener('anew', () => void refreshAll(client));
      for (const topic of TOPICS) {
        source.addEventListener(topic, (event) => waiting.add(touched(topic, JSON.parse(event.data) as Told)));
      }
    };
    open();
    return () => {
      source?.close();
      clearTimeout(again);
      waiting.stop();
    };
  }, [client, isSignedIn]);
}
