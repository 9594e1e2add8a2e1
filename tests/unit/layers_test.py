"""The sources keep to the layers; and the check that says so can fail."""

import pytest

from holdfast_dev import CHECKOUT
from holdfast_dev.layers import breaches

CMAKE = """
holdfast_layer(base      LIBS fmt::fmt)
holdfast_layer(ha        USES base)
holdfast_layer(routing   USES base)
holdfast_layer(ports     USES ha routing)
holdfast_layer(net       USES ports LIBS Boost::headers)
holdfast_layer(etcd      USES net)
holdfast_layer(postgres  USES net)
holdfast_layer(agent     USES net)
holdfast_program(holdfast FOLDER main USES agent etcd postgres)
"""


def messages_for(tmp_path, files):
    (tmp_path / "CMakeLists.txt").write_text(CMAKE)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [str(breach) for breach in breaches(tmp_path)]


def test_the_sources_keep_to_the_layers():
    found = [str(breach) for breach in breaches(CHECKOUT)]
    assert not found, "\n" + "\n".join(found)


def test_includes_downwards_are_fine(tmp_path):
    assert messages_for(tmp_path, {
        "src/ha/policy.cpp": '#include "base/result.hpp"\n#include <fmt/format.h>\n',
        "src/agent/agent.cpp": '#include "ha/policy.hpp"\n#include <boost/asio/ip/tcp.hpp>\n#include <thread>\n',
        "src/main/agent.cpp": '#include "etcd/dcs.hpp"\n#include "agent/agent.hpp"\n',
    }) == []


@pytest.mark.parametrize("file, line, advice", [
    ("src/base/a.cpp", '#include "ha/policy.hpp"', "pass what is needed as a value"),
    ("src/ha/a.cpp", '#include "routing/route.hpp"', "stay apart"),
    ("src/routing/a.cpp", '#include "ha/policy.hpp"', "stay apart"),
    ("src/agent/a.cpp", '#include "etcd/client.hpp"', "use the contract in src/ports"),
    ("src/etcd/a.cpp", '#include "postgres/query.hpp"', "adapters never include one another"),
    ("src/net/a.cpp", '#include "agent/agent.hpp"', "one way only"),
    ("src/ha/a.cpp", '#include "policy.hpp"', "write the path from src/"),
    ("src/ha/a.cpp", '#include "../base/time.hpp"', "write the path from src/"),
    ("src/ha/a.cpp", '#include "nowhere/a.hpp"', "not a layer"),
    ("src/nowhere/a.cpp", "", "name it in CMakeLists.txt"),
    ("src/ha/a.cpp", "#include <boost/asio/awaitable.hpp>", "no network here"),
    ("src/ha/a.cpp", "#include <libpq-fe.h>", "contract in src/ports"),
    ("src/ha/a.cpp", "#include <openssl/ssl.h>", "belongs to src/net"),
    ("src/ha/a.cpp", "#include <spdlog/spdlog.h>", "no logging here"),
    ("src/ha/a.cpp", "#include <thread>", "no threads here"),
    ("src/ha/a.cpp", "  #  include <filesystem>", "no files here"),
    ("src/ha/a.cpp", "#include <fstream>", "no files here"),
    ("src/ha/a.cpp", "auto now = std::chrono::system_clock::now();", "take `now` as a value"),
    ("src/agent/a.cpp", "auto now = std::chrono::steady_clock::now();", "ports::Clock"),
    ("src/agent/a.cpp", "std::this_thread::sleep_for(2s);", "ports::Clock"),
    ("src/ha/a.cpp", "std::random_device seed;", "seeded"),
    ("src/etcd/a.cpp", "// FIXME later", "leftover FIXME"),
    ("src/etcd/a.hpp", "int a;", "#pragma once"),
    ("src/etcd/a.cpp", "\n" * 501, "concept that wants its own name"),
    ("src/etcd/lease_manager.cpp", "", "says nothing"),
], ids=lambda text: text.strip()[:40] or "blank")
def test_a_breach_is_refused_with_advice(tmp_path, file, line, advice):
    found = messages_for(tmp_path, {file: line + "\n"})
    assert len(found) == 1, found
    assert file in found[0] and advice in found[0]


def test_words_in_comments_and_strings_are_not_code(tmp_path):
    assert messages_for(tmp_path, {
        "src/ha/a.cpp": 'auto text = "system_clock::now()";  // never sleep_for() here\nchar name[] = "XXXXXX";\n',
    }) == []
