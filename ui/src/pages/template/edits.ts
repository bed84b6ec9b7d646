// An edit of a template that is not saved: kept in this browser until it is, or is thrown away.
import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import type { Schemas } from '@/api/client';
import type { Problem } from '@/api/problem';
import type { Fault } from '@/parts/Code';

export const PARTS = ['subject', 'html', 'text'] as const;
export type Part = (typeof PARTS)[number];
export interface Edit {
  name: string;
  subject: string;
  html: string;
  text: string;
  consent: 'transactional' | 'marketing';
  is_active: boolean;
  tracks: boolean;
}
export const FIELD_WORDS: Record<keyof Edit, string> = {
  name: 'name',
  subject: 'subject',
  html: 'HTML',
  text: 'plain text',
  consent: 'who is sent it',
  is_active: 'whether it is active',
  tracks: 'whether opens are noted',
};
export interface Kept {
  /** The one that was read. */ edition: string;
  edit: Edit;
  at: string;
}

export const useKept = create<{ kept: Record<string, Kept>; keep: (id: string, kept: Kept) => void; drop: (id: string) => void }>()(
  persist(
    (set) => ({
      kept: {},
      keep: (id, one) => set(({ kept }) => ({ kept: { ...kept, [id]: one } })),
      drop: (id) =>
        set(({ kept }) => {
          const { [id]: _, ...rest } = kept;
          return { kept: rest };
        }),
    }),
    { name: 'thendo.templates' },
  ),
);

export function editOf(row: Schemas['Template']): Edit {
  const { name, subject, html, text, is_active, tracks } = row;
  return {
    name,
    subject,
    html: html ?? '',
    text: text ?? '',
    consent: row.consent === 'transactional' ? 'transactional' : 'marketing',
    is_active,
    tracks,
  };
}

/** As the daemon takes it: a part that is empty is none. */
export function bodyOf(edit: Edit): Schemas['TemplateEdit'] {
  const { html, text, ...rest } = edit;
  return { ...rest, html: html.trim() ? html : null, text: text.trim() ? text : null };
}

/** The fields in which two differ. */
export function differing(one: Edit, other: Edit): (keyof Edit)[] {
  return (Object.keys(one) as (keyof Edit)[]).filter((field) => one[field] !== other[field]);
}

/** What the daemon says of a part that gives nothing, at that part. */
export function faultIn(problem: Problem | null): { part: Part; fault: Fault } | undefined {
  const told = /^the (subject|text|html) (?:of the template `.*?`|can't be read): ([\s\S]*)$/.exec(problem?.message ?? '');
  if (!told) return undefined;
  const message = (told[2] ?? '').replace(/; mend it in `email_templates`.*$/s, '');
  const about = /`([^`]+)` is undefined/.exec(message)?.[1];
  const said = about ? `“${about}” is not known here` : message;
  return { part: told[1] as Part, fault: { message: said.charAt(0).toUpperCase() + said.slice(1), about } };
}
