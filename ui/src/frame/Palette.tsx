// The command palette: every page, every workflow, the few acts that are everywhere. ⌘K, arrows, Enter.
import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useId, useState } from 'react';
import { useLocation } from 'wouter';
import { listWorkflows } from '@/api/lists';
import { keys } from '@/api/keys';
import { icons } from './icons';

export interface Command {
  id: string;
  label: string;
  hint?: string;
  run: () => void;
}

/** Those that have all the words that were typed, in their order. */
export function matching(commands: Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return commands.filter((one) => words.every((word) => one.label.toLowerCase().includes(word))).slice(0, 30);
}

export function Palette({ isOpen, close, commands }: { isOpen: boolean; close: () => void; commands: Command[] }) {
  return (
    <Modal.Root opened={isOpen} onClose={close} size={560} padding={0} yOffset="12vh" classNames={{ content: 'floating' }}>
      <Modal.Overlay backgroundOpacity={0.2} />
      <Modal.Content aria-label="Command palette">
        <Modal.Body>{isOpen && <Choices close={close} commands={commands} />}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Choices({ close, commands }: { close: () => void; commands: Command[] }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [, go] = useLocation();
  const list = useId();
  const workflows = useQuery({ queryKey: keys.workflows, queryFn: listWorkflows });
  const all = [
    ...commands,
    ...(workflows.data ?? []).map((one) => ({ id: one.id, label: one.name, hint: 'Workflow', run: () => go(`/workflows/${one.id}`) })),
  ];
  const found = matching(all, typed);
  const chosen = Math.min(at, found.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    command.run();
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length > 0) setAt((chosen + step + found.length) % found.length);
    else if (event.key === 'Enter') run(found[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <div className="palette" onKeyDown={press}>
      <div className="row palette-input">
        {icons.search}
        <input
          data-autofocus
          placeholder="Go to, or do…"
          value={typed}
          role="combobox"
          aria-expanded
          aria-controls={list}
          aria-label="Go to, or do"
          aria-activedescendant={found[chosen] ? `${list}-${chosen}` : undefined}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            setAt(0);
          }}
        />
        <kbd>esc</kbd>
      </div>
      <ul role="listbox" id={list} aria-label="Commands">
        {found.map((one, index) => (
          <li
            key={one.id}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onPointerMove={() => setAt(index)}
            onClick={() => run(one)}
            ref={(node) => {
              if (index === chosen) node?.scrollIntoView?.({ block: 'nearest' });
            }}
          >
            <span className="grow truncate">{one.label}</span>
            <span className="quiet small">{one.hint}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="quiet palette-none">Nothing is called so.</p>}
    </div>
  );
}
