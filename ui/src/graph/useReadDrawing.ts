// A definition as it is drawn to be looked at: amounts as one writes money, as soon as the catalogue says which fields are money.
import { useMemo } from 'react';
import { moneyIn, useCatalogue } from '@/editor/catalogue';
import { type Drawing, readDrawing } from './drawing';

export function useReadDrawing(definition: unknown): Drawing | undefined {
  const { data: catalogue } = useCatalogue();
  return useMemo(
    () => (definition ? readDrawing(definition, catalogue && moneyIn(definition, catalogue)) : undefined),
    [definition, catalogue],
  );
}
