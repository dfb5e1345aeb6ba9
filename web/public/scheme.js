// The stored colour scheme is set before the first paint, so that nothing flashes.
try {
  var scheme = localStorage.getItem('burgeon.scheme');
  if (scheme !== 'light' && scheme !== 'dark') scheme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.setAttribute('data-mantine-color-scheme', scheme);
} catch (e) {}
