import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from monitor.errors import FetchError
from monitor.fetch.safety import PublicResolver, check_literal_host, is_public_address


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"],
)
def test_addresses_of_the_open_internet_are_public(address):
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="end of loopback"),
        pytest.param("0.0.0.0", id="this host"),  # noqa: S104 - an address to refuse, nothing binds to it
        pytest.param("10.1.2.3", id="private 10"),
        pytest.param("172.16.0.1", id="private 172"),
        pytest.param("192.168.1.1", id="private 192"),
        pytest.param("100.64.0.1", id="carrier NAT"),
        pytest.param("169.254.169.254", id="cloud metadata"),
        pytest.param("192.0.0.1", id="IETF assignments"),
        pytest.param("198.18.0.1", id="benchmarks"),
        pytest.param("203.0.113.5", id="documentation"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("239.255.255.250", id="local multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("::", id="IPv6 unspecified"),
        pytest.param("::1", id="IPv6 loopback"),
        pytest.param("fe80::1", id="IPv6 link-local"),
        pytest.param("fe80::1%eth0", id="IPv6 link-local with zone"),
        pytest.param("fc00::1", id="IPv6 unique local"),
        pytest.param("fd12:3456::1", id="IPv6 unique local, assigned"),
        pytest.param("fec0::1", id="IPv6 site-local"),
        pytest.param("ff02::1", id="IPv6 multicast"),
        pytest.param("2001:db8::1", id="IPv6 documentation"),
    ],
)
def test_addresses_inside_a_network_are_not_public(address):
    assert not is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("::ffff:127.0.0.1", id="mapped"),
        pytest.param("::ffff:169.254.169.254", id="mapped metadata"),
        pytest.param("2002:7f00:1::", id="6to4"),
        pytest.param("2001:0:808:808:0:0:80ff:fffe", id="Teredo"),
        pytest.param("64:ff9b::10.0.0.1", id="NAT64"),
        pytest.param("64:ff9b:1::10.0.0.1", id="NAT64 for local use"),
        pytest.param("::127.0.0.1", id="IPv4-compatible"),
    ],
)
def test_a_private_ipv4_address_is_found_inside_an_ipv6_one(address):
    assert not is_public_address(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/feed",
        "http://[::1]:8080/feed",
        "http://[::ffff:10.0.0.1]/",
        "http://[fe80::1%25eth0]/",
        "http://１２７.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
    ],
)
def test_a_literal_private_host_is_refused_by_name(url):
    with pytest.raises(FetchError, match="not on the open internet; if that is meant, set allow_private_networks") as caught:
        check_literal_host(URL(url))
    assert caught.value.kind == "blocked_address"


@pytest.mark.parametrize("url", ["http://8.8.8.8/feed", "http://[2606:4700:4700::1111]/feed", "https://outlet.example/feed"])
def test_public_literals_and_names_pass_the_literal_check(url):
    check_literal_host(URL(url))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("ftp://outlet.example/", "begins with ftp:", id="scheme"),
        pytest.param("//outlet.example/", "begins with nothing:", id="no scheme"),
        pytest.param("http:///rss", "no name of a host", id="no host"),
        pytest.param("http://outlet.example:6379/", "at port 6379", id="port"),
        pytest.param("http://127.1/", "no IP address in the usual spelling", id="short"),
        pytest.param("http://[::ffff:0x7f.1]/", "is no IP address", id="odd IPv6"),
        pytest.param("http://١٢٧.٠.٠.١/", "in digits of another script", id="digits"),
        pytest.param("http://intranet/", "without a domain", id="one word"),
        pytest.param("http://nas.lan/", "inside a network", id="inner domain"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_set(url, message):
    with pytest.raises(FetchError, match=f"{message}.*; if that is meant, set allow_private_networks: true") as caught:
        check_literal_host(URL(url))
    assert caught.value.kind == "blocked_address"


@pytest.mark.parametrize(
    "url", ["http://новини.example/", "http://a_b.example/", "http://user:word@outlet.example:8080/", "http://8.8.8.8./"]
)
def test_unusual_names_of_the_open_internet_pass(url):
    check_literal_host(URL(url))


@given(st.ip_addresses(v=4))
def test_nothing_is_public_that_the_standard_library_holds_for_private(ip):
    assert not is_public_address(str(ip)) or ip.is_global


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_wrapping(ip):
    number = int(ip)
    expected = is_public_address(str(ip))
    wrapped = [f"::ffff:{ip}", f"64:ff9b::{ip}", f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1", f"2606:4700::5efe:{ip}"]
    assert [is_public_address(address) for address in wrapped] == [expected] * 4


@given(st.ip_addresses(v=4), st.sampled_from(["{:d}", "0x{:x}", "0X{:X}", "0{:o}", "{:d}."]))
def test_no_ipv4_address_passes_as_one_number(ip, form):
    with pytest.raises(FetchError, match="spelling"):
        check_literal_host(URL(f"http://{form.format(int(ip))}/"))


def resolve(host: str) -> list:
    async def ask():
        resolver = PublicResolver()
        try:
            return await resolver.resolve(host, 80, socket.AF_INET)
        finally:
            await resolver.close()

    return asyncio.run(ask())


def test_a_name_that_resolves_to_loopback_is_refused_with_name_and_address():
    with pytest.raises(FetchError, match=r"localhost is at 127\.0\.0\.1") as caught:
        resolve("localhost")
    assert caught.value.kind == "blocked_address"


def test_a_name_that_resolves_to_a_public_address_gives_that_address():
    assert [found["host"] for found in resolve("8.8.8.8")] == ["8.8.8.8"]


def test_a_name_that_does_not_exist_stays_an_os_error():
    with pytest.raises(OSError, match=r"."):
        resolve("no-such-host.invalid")
