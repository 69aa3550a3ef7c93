const { apiClientFactory } = require('@vue-storefront/middleware');
const { ask, category } = require('./page.cjs');

async function page(_context, { path, size }) {
  return { data: { category: category(await ask(path, size)) } };
}

const { createApiClient } = apiClientFactory({
  onCreate: (configuration) => ({ config: configuration, client: null }),
  api: { page },
});
module.exports = { createApiClient };
