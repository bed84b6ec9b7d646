import { render, screen } from '@testing-library/react';
import { describe, expect, it } from 'vitest';
import { matching } from '@/frame/Palette';
import { may } from '@/frame/session';
import { drawingIn, freeName } from '@/pages/workflows/import';
import { Sparkline } from './Sparkline';
import { Status } from './Status';
import { absolute, relative, span } from './time';

describe('parts', () => {
  it('a state has a shape and a word, not only a colour', () => {
    render(<Status status="failed" quiet />);
    expect(screen.getByText('failed').className).toBe('sr-only');
    expect(screen.getByText('✕').getAttribute('aria-hidden')).toBe('true');
  });
  it('a sparkline says in words what it shows, the newest at the right', () => {
    const { container } = render(<Sparkline last={['failed', 'succeeded', 'waiting']} most={5} />);
    expect(screen.getByRole('img', { name: 'last 3: 1 succeeded, 1 failed, 1 waiting' })).toBeTruthy();
    const bars = [...container.querySelectorAll('rect')].map((bar) => bar.getAttribute('class'));
    expect(bars).toEqual(['bar is-none', 'bar is-none', 'bar is-waiting', 'bar is-succeeded', 'bar is-failed']);
  });
  it('times are told in the zone that was chosen, and how long ago', () => {
    const time = new Date('2026-11-23T23:30:00Z');
    expect(absolute(time, 'Asia/Tokyo')).toContain('24 Nov 2026, 08:30:00');
    expect(relative(time, time.getTime() + 3000)).toBe('just now');
    expect(relative(time, time.getTime() + 7_200_000)).toBe('2 hours ago');
    expect(relative(time, time.getTime() - 86_400_000 * 3)).toBe('in 3 days');
    expect([span(20.4), span(1440), span(180_000)]).toEqual(['20 ms', '1.4 s', '3 min']);
  });
  it('rights contain others as the daemon has it', () => {
    expect(may(['operate'], 'read') && may(['admin'], 'secrets') && may(['author'], 'read')).toBe(true);
    expect(may(['secrets'], 'read') || may(['read'], 'operate')).toBe(false);
  });
  it('the palette finds by words in any order', () => {
    const commands = ['Go to Health', 'Theme: dark'].map((label) => ({ id: label, label, run: () => undefined }));
    expect(matching(commands, 'health go').map((one) => one.label)).toEqual(['Go to Health']);
    expect(matching(commands, 'nothing')).toEqual([]);
  });
  it('what is dropped is read, or refused with what to do', () => {
    expect(drawingIn('{"nodes": []}', 'points.json').name).toBe('points');
    expect(drawingIn('{"name": "Mine", "definition": {"nodes": []}}', 'x.json')).toEqual({ name: 'Mine', definition: { nodes: [] } });
    for (const wrong of ['nothing', '{}', '[]', 'null']) expect(() => drawingIn(wrong, 'x.json')).toThrow();
    expect(freeName('Points', ['points', 'Points 2'])).toBe('Points 3');
  });
});
