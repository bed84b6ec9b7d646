// Asks before something is done that can't be taken back, where the button is; says what will happen, and to how many.
import { Button, type ButtonProps, Popover, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { ProblemNote } from './ProblemNote';

export interface ConfirmProps {
  label: string;
  /** What will happen, in words, with how many. */
  says: ReactNode;
  /** The button that does it: "Cancel 1 execution". */
  does: string;
  act: (comment: string) => Promise<unknown>;
  /** Told before it is asked: a dry run. */
  prepare?: () => void;
  comment?: string;
  isDisabled?: boolean;
  /** There is nothing that could be done. */
  isActDisabled?: boolean;
  variant?: ButtonProps['variant'];
  danger?: boolean;
}

export function Confirm({
  label,
  says,
  does,
  act,
  prepare,
  comment,
  isDisabled,
  isActDisabled,
  variant = 'default',
  danger,
}: ConfirmProps) {
  const [isOpen, setOpen] = useState(false);
  const [state, setState] = useState<{ isBusy: boolean; fault?: unknown }>({ isBusy: false });
  const [text, setText] = useState('');
  const open = (next: boolean) => {
    setState({ isBusy: false });
    setOpen(next);
    if (next) prepare?.();
  };
  const go = async () => {
    setState({ isBusy: true });
    try {
      await act(text);
      open(false);
    } catch (fault) {
      setState({ isBusy: false, fault });
    }
  };
  return (
    <Popover opened={isOpen} onChange={open} width={320} position="bottom-end" trapFocus returnFocus shadow="none" withinPortal>
      <Popover.Target>
        <Button variant={variant} size="compact-md" onClick={() => open(!isOpen)} disabled={isDisabled}>
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className="floating" aria-label={label}>
        <div className="stack tight">
          <div>{says}</div>
          {comment && <TextInput label={comment} value={text} onChange={(event) => setText(event.currentTarget.value)} />}
          {state.fault !== undefined && <ProblemNote fault={state.fault} />}
          <div className="row end">
            <Button variant="subtle" color="gray" size="compact-md" className="quiet-button" onClick={() => open(false)}>
              Not now
            </Button>
            <Button
              size="compact-md"
              className={danger ? 'danger' : undefined}
              loading={state.isBusy}
              disabled={isActDisabled}
              onClick={go}
              data-autofocus
            >
              {does}
            </Button>
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
