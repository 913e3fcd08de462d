"""Radio packets: how many payload bytes each known frame leaves, and how many frames a value takes.

A payload is what is left of the largest frame for the bytes of a value. The arithmetic of every
name stands in `Pdu.arithmetic` and in docs/counting.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegen.errors import BadOption


@dataclass(frozen=True, slots=True)
class Pdu:
    """A kind of frame: `payload_bytes` of a value fit into one."""

    name: str
    payload_bytes: int
    arithmetic: str


LORAWAN = "EU868, LoRaWAN regional parameters, behind a repeater: {} bytes of MAC payload"
LORAWAN += " - 7 frame header - 1 port"

PDUS = (
    Pdu(
        "802.15.4",
        116,
        "127 byte PHY frame - 9 MAC header (2 frame control, 1 sequence number, 2 PAN, 2 + 2 short"
        " addresses) - 2 checksum",
    ),
    Pdu(
        "ble",
        244,
        "251 byte link layer payload (Bluetooth 4.2 data length extension) - 4 L2CAP header - 3"
        " ATT notification header",
    ),
    *(
        Pdu(f"lorawan-dr{rate}", mac_payload - 8, LORAWAN.format(mac_payload))
        for rate, mac_payload in enumerate((59, 59, 59, 123, 230, 230))
    ),
    Pdu("can-fd", 64, "64 byte data field; identifier, control and checksum stand outside of it"),
    Pdu(
        "6lowpan",
        110,
        "802.15.4's 116 - 2 IPHC header (link-local addresses elided) - 4 compressed UDP header"
        " (1 NHC, 1 ports, 2 checksum); a datagram a frame, no fragments",
    ),
)
"""Every name that `parse_pdu` knows."""


def parse_pdu(text: str) -> int:
    """Return the payload bytes of a packet from their number or a name of `PDUS`; BadOption.

    >>> parse_pdu("116"), parse_pdu("802.15.4"), parse_pdu("lorawan-dr0")
    (116, 116, 51)
    """
    for pdu in PDUS:
        if pdu.name == text.lower():
            return pdu.payload_bytes
    if text.isdecimal() and int(text) > 0:
        return int(text)
    names = ", ".join(pdu.name for pdu in PDUS)
    raise BadOption(
        f"--pdu {text} is no kind of packet", hint=f"give its payload in bytes, or one of {names}"
    )


def count_packets(size_bytes: int, payload_bytes: int) -> int:
    """Return how many packets carry that many bytes.

    >>> count_packets(3072, 116), count_packets(10, 116), count_packets(0, 116)
    (27, 1, 0)
    """
    return -(-size_bytes // payload_bytes)
