import { useMediaQuery } from '@mantine/hooks';

/** True on a phone: the rail folds, the bar becomes one button. */
export const useIsNarrow = (): boolean => useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false });
