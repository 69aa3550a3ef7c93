// The same page as ours, from the same answer of Commerce: what the peers' resolvers do.
const { readFileSync } = require('node:fs');

const upstream = `${process.env.UPSTREAM}/graphql`;
const document = JSON.parse(readFileSync(process.env.ASKED, 'utf8')).query;

async function ask(path, pageSize) {
  const variables = { path, filter: { category_url_path: { eq: path } }, pageSize, currentPage: 1 };
  const reply = await fetch(upstream, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query: document, variables }),
  });
  return (await reply.json()).data;
}

const money = (node) => ({ amount: node.value.toFixed(2), currency: node.currency });
const discount = (node, currency) =>
  node?.amount_off
    ? { percent: String(node.percent_off), amount: money({ value: node.amount_off, currency }) }
    : null;
const price = (node) => ({
  regular: money(node.regular_price),
  final: money(node.final_price),
  discount: discount(node.discount, node.final_price.currency),
});
const image = (node) => (node ? { url: node.url, alt: node.label } : null);
const categoryUrl = (path) => `/${path}.html`;

const product = (node) => {
  const minimum = price(node.price_range.minimum_price);
  const inStock = node.stock_status === 'IN_STOCK';
  return {
    __typename: node.__typename,
    uid: node.uid,
    sku: node.sku,
    name: node.name,
    urlKey: node.url_key,
    url: `/${node.url_key}${node.url_suffix ?? ''}`,
    inStock,
    image: image(node.image),
    thumbnail: image(node.thumbnail),
    price: { ...minimum, minimum, maximum: price(node.price_range.maximum_price) },
    rating: {
      average: node.review_count ? (node.rating_summary / 20).toFixed(2) : null,
      count: node.review_count,
    },
    stock: { inStock, onlyLeft: node.only_x_left_in_stock },
  };
};

function category(data) {
  const found = data.categories.items[0];
  const { products } = data;
  return {
    name: found.name,
    url: categoryUrl(found.url_path),
    breadcrumbs: (found.breadcrumbs ?? []).map((each) => ({
      name: each.category_name,
      url: categoryUrl(each.category_url_path),
    })),
    children: found.children.map((child) => ({ name: child.name, url: categoryUrl(child.url_path) })),
    products: {
      total: products.total_count,
      page: 1,
      pages: products.page_info.total_pages,
      items: products.items.map(product),
      facets: products.aggregations
        .filter((facet) => facet.attribute_code !== 'category_uid')
        .map((facet) => ({ attribute: facet.attribute_code, label: facet.label, options: facet.options })),
      sorts: products.sort_fields.options.map((option) => ({
        value: option.value,
        label: option.label,
        isDefault: option.value === products.sort_fields.default,
      })),
    },
  };
}

module.exports = { ask, category };
