// Alokai's middleware with one integration: integration.cjs.
import { fileURLToPath } from 'node:url';
import { createServer } from '@vue-storefront/middleware';

const location = fileURLToPath(new URL('./integration.cjs', import.meta.url));
const server = await createServer({
  integrations: { commerce: { location, configuration: {} } },
  logger: { verbosity: 'error' },
});
server.listen(Number(process.env.PORT), '127.0.0.1');
