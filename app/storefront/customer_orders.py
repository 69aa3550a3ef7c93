"""A customer's orders: as any order, and what became of them."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from app.storefront.common import Money, Node, described, present
from app.storefront.links import Links, plain
from app.storefront.orders import Order


@strawberry.type(description="A parcel's number, to follow it by.")
class Tracking:
    carrier: str = described("The carrier's code.")
    title: str = described("The carrier's name.")
    number: str | None = described("The parcel's number.")


@strawberry.type(description="What is in a shipment.")
class ShipmentLine:
    sku: str = described("The SKU.")
    name: str = described("The product's name.")
    quantity: Decimal = described("How many.")


@strawberry.type(description="A shipment of an order.")
class Shipment:
    number: str = described("The shipment's number.")
    tracking: list[Tracking] = described("Its parcels.")
    lines: list[ShipmentLine] = described("What is in it.")

    @classmethod
    def of(cls, node: Node) -> Shipment:
        """From Commerce's `OrderShipment`."""
        return cls(
            number=str(node.get("number") or ""),
            tracking=[
                Tracking(
                    carrier=plain(each.get("carrier")) or "",
                    title=plain(each.get("title")) or "",
                    number=plain(each.get("number")) or None,
                )
                for each in present(node.get("tracking"))
            ],
            lines=[
                ShipmentLine(
                    sku=line.get("product_sku") or "",
                    name=plain(line.get("product_name")) or "",
                    quantity=Decimal(str(line.get("quantity_shipped") or 0)),
                )
                for line in present(node.get("items"))
            ],
        )


@strawberry.type(description="An invoice, or a credit memo that pays back.")
class OrderDocument:
    number: str = described("Its number.")
    grand_total: Money | None = described("The sum.")

    @classmethod
    def of(cls, node: Node, links: Links) -> OrderDocument:
        """From Commerce's `Invoice` or `CreditMemo`."""
        total = (node.get("total") or {}).get("grand_total")
        return cls(number=str(node.get("number") or ""), grand_total=Money.of(total, links.currency))


@strawberry.type(description="What the shop tells the customer of an order.")
class OrderComment:
    message: str = described("What is said, as plain text.")
    at: str = described("When it was said, as Commerce tells it.")


@strawberry.type(description="An order of the customer who is signed in.")
class CustomerOrder(Order):
    shipments: list[Shipment] = described("What was sent.")
    invoices: list[OrderDocument] = described("What was invoiced.")
    credit_memos: list[OrderDocument] = described("What was paid back.")
    comments: list[OrderComment] = described("What the shop tells the customer of it.")

    @classmethod
    def of(cls, node: Node, links: Links) -> CustomerOrder:
        """From Commerce's `CustomerOrder`."""
        return cls(
            **cls.told(node, links),
            shipments=[Shipment.of(each) for each in present(node.get("shipments"))],
            invoices=[OrderDocument.of(each, links) for each in present(node.get("invoices"))],
            credit_memos=[OrderDocument.of(each, links) for each in present(node.get("credit_memos"))],
            comments=[
                OrderComment(message=plain(each.get("message")) or "", at=str(each.get("timestamp") or ""))
                for each in present(node.get("comments"))
            ],
        )


@strawberry.type(description="A page of a customer's orders.")
class CustomerOrderPage:
    total: int = described("How many orders there are.")
    page: int = described("Which page this is, from 1 on.")
    pages: int = described("How many pages there are.")
    items: list[CustomerOrder] = described("The orders of this page.")

    @classmethod
    def of(cls, node: Node, page: int, links: Links) -> CustomerOrderPage:
        """From Commerce's `CustomerOrders`. Past the end Commerce may give the last page again: here it is empty."""
        info = node.get("page_info") or {}
        items = present(node.get("items"))
        return cls(
            total=node.get("total_count") or 0,
            page=page,
            pages=info.get("total_pages") or 0,
            items=[CustomerOrder.of(each, links) for each in items] if info.get("current_page") in (None, page) else [],
        )
