// What holds for a mail besides what it says: who may be sent it, whether it may be sent, whether it is noted who opens it.
import { Checkbox, TextInput } from '@mantine/core';
import type { Edit } from './edits';

export function Rules({ edit, change, isReadOnly }: { edit: Edit; change: (part: Partial<Edit>) => void; isReadOnly: boolean }) {
  return (
    <fieldset className="rules" disabled={isReadOnly}>
      <legend className="sr-only">What holds for it</legend>
      <TextInput
        label="Name"
        description="Workflows and campaigns name it by that"
        value={edit.name}
        maxLength={200}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <label className="rule-choice">
        <span>Who is sent it</span>
        <select
          className="field"
          aria-label="Who is sent it"
          value={edit.consent}
          onChange={(event) => change({ consent: event.currentTarget.value as Edit['consent'] })}
        >
          <option value="transactional">Everybody it is about: it is part of what they bought</option>
          <option value="marketing">Only those who agreed to marketing; with a way out</option>
        </select>
      </label>
      <Checkbox
        label="Active"
        description="Not active, it is sent to nobody: a step that would send it fails"
        checked={edit.is_active}
        onChange={(event) => change({ is_active: event.currentTarget.checked })}
      />
      <Checkbox
        label="Note who opens it and follows its links"
        description="In campaigns only, from the next one on"
        checked={edit.tracks}
        onChange={(event) => change({ tracks: event.currentTarget.checked })}
      />
    </fieldset>
  );
}
