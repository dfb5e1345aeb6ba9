import { describe, expect, it } from 'vitest';
import { eventLabel, readStep, readWithin, stepLabel, writeStep } from './step';

describe('steps', () => {
  it('are read and written without loss', () => {
    for (const text of ['signup', '*', 'page_view[path=/pricing]', 'page_view[path~/blog,channel!=direct]', 'report_created[template=weekly,rows=12]'])
      expect(writeStep(readStep(text)!)).toBe(text);
  });
  it('keep the conditions apart', () => {
    expect(readStep('page_view[path!=/a b, title ~ x=y]')).toEqual({ event: 'page_view', conditions: [{ property: 'path', op: '!=', value: '/a b' }, { property: 'title', op: '~', value: 'x=y' }] });
  });
  it('are refused when they cannot be one', () => {
    for (const text of ['', '  ', '[path=/a]', 'page_view[path=/a', 'page_view[path]', 'a]']) expect(readStep(text)).toBeNull();
  });
  it('leave out what is still being written, and what the grammar has no place for', () => {
    expect(writeStep({ event: 'a', conditions: [{ property: 'p', op: '=', value: '' }, { property: '', op: '=', value: 'v' }] })).toBe('a');
    expect(readStep(writeStep({ event: 'a', conditions: [{ property: 'p', op: '=', value: 'x],y' }] }))).toEqual({ event: 'a', conditions: [{ property: 'p', op: '=', value: 'x  y' }] });
  });
  it('are told in words', () => {
    expect(eventLabel('fact:first_payment')).toBe('First payment');
    expect(['$pageview', 'Report Created', 'iOS opened', 'оплата_прошла', '404'].map(eventLabel)).toEqual(['Pageview', 'Report Created', 'iOS opened', 'Оплата прошла', '404']);
    expect(stepLabel('*[plan=Pro]', 'any event', '')).toBe('any event (plan = Pro)');
    expect(stepLabel('page_view[path~/blog]', '', 'contains')).toBe('Page view (path contains /blog)');
    expect(stepLabel('fact:churn', '', '', (e) => (e === 'fact:churn' ? 'Loss of the customer' : e))).toBe('Loss of the customer');
  });
  it('windows have a number and a unit', () => {
    expect(readWithin('30m')).toEqual({ n: 30, unit: 'm' });
    expect(readWithin('broken')).toEqual({ n: 14, unit: 'd' });
  });
});
