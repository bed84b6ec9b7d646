import { QueryClient } from '@tanstack/react-query';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keys } from './keys';
import { gather, refreshAll, touched } from './live';

afterEach(() => void vi.useRealTimers());

describe('what changes', () => {
  it('touches the one execution and the lists, not another', () => {
    const found = touched('executions', { changed: [{ id: 'a', status: 'succeeded' }], more: 0 });
    expect(found).toContainEqual(keys.execution('a'));
    expect(found).toContainEqual(keys.executionLists);
    expect(found).not.toContainEqual(['execution']);
  });
  it('touches all of a kind where more changed than were named', () => {
    expect(touched('executions', { changed: [{ id: 'a' }], more: 3 })).toContainEqual(['execution']);
  });
  it('is gathered: a thousand changes are one question each', () => {
    vi.useFakeTimers();
    const client = new QueryClient();
    const asked = vi.spyOn(client, 'invalidateQueries').mockResolvedValue();
    const waiting = gather(client, 250);
    for (let at = 0; at < 1000; at += 1) waiting.add(touched('workflows', { changed: [{ id: 'w' }], more: 0 }));
    expect(asked).not.toHaveBeenCalled();
    vi.advanceTimersByTime(250);
    expect(asked).toHaveBeenCalledTimes(4);
  });
  it('after a pause all is old, but what never changes', async () => {
    const client = new QueryClient();
    for (const key of [keys.session, keys.examples, keys.version('w', 1), keys.workflows, keys.execution('a')]) client.setQueryData(key, 1);
    await refreshAll(client);
    const old = (key: readonly unknown[]) => client.getQueryState(key)?.isInvalidated;
    expect([keys.session, keys.examples, keys.version('w', 1)].map(old)).toEqual([false, false, false]);
    expect([keys.workflows, keys.execution('a')].map(old)).toEqual([true, true]);
  });
});
