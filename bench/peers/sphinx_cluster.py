"""Sphinx's indexes and servers: a searchd for each shard, and one before them with a distributed index over these agents,
its connections to them persistent. For bench/compare_remote.py. Standard library only.
"""

import os

# The analysis that every engine is set to: ASCII letters and digits in lower case, no stop words. Words are cut at 42 bytes
# whatever is set here.
INDEX = """
source text {{
  type = tsvpipe
  tsvpipe_command = cat {text}
  tsvpipe_field = text
}}
index shard {{
  source = text
  path = {folder}/shard
  dict = keywords
  min_word_len = 1
  charset_table = 0..9, A..Z->a..z, a..z
  preopen = 1
}}
indexer {{
  mem_limit = 1024M
}}
"""
DISTRIBUTED = """
index all {{
  type = distributed
{agents}
}}
"""
SEARCHD = """
searchd {{
  listen = 127.0.0.1:{agent_port}:sphinx
  listen = 127.0.0.1:{sql_port}:mysql41
  log = {folder}/searchd.log
  pid_file = {folder}/searchd.pid
  binlog_path =
  workers = threads
  max_children = 0
  seamless_rotate = 0
  persistent_connections_limit = 64
  client_timeout = 3600
  dist_threads = {threads}
}}
"""


def shard_folder(directory, shard):
    folder = os.path.join(directory, f"shard{shard}")
    os.makedirs(folder, exist_ok=True)
    return folder


def write_config(folder, text):
    path = os.path.join(folder, "sphinx.conf")
    with open(path, "w") as file:
        file.write(text)
    return path


def searchd(config):
    return ["searchd", "--nodetach", "--config", config]


def index_command(directory, shard, text):
    """Builds a shard from a file of lines with number, tab and text."""
    folder = shard_folder(directory, shard)
    config = write_config(folder, INDEX.format(text=text, folder=folder)
                          + SEARCHD.format(agent_port=1, sql_port=2, folder=folder, threads=0))
    return ["indexer", "--config", config, "--quiet", "shard"]


def commands(directory, shards, ports):
    """({port: command} of the agents, the same of the one that asks them): `ports` has two for each. The distributed index is
    called `all`; MySQL's protocol is spoken on the port that is given."""
    agents, addresses = {}, []
    for shard in range(shards):
        agent_port, sql_port = ports[2 * shard:2 * shard + 2]
        folder = shard_folder(directory, shard)
        config = write_config(folder, INDEX.format(text="/dev/null", folder=folder)
                              + SEARCHD.format(agent_port=agent_port, sql_port=sql_port, folder=folder, threads=0))
        agents[sql_port] = searchd(config)
        addresses.append(f"  agent_persistent = 127.0.0.1:{agent_port}:shard")
    agent_port, sql_port = ports[2 * shards:2 * shards + 2]
    root = os.path.join(directory, "root")
    os.makedirs(root, exist_ok=True)
    config = write_config(root, DISTRIBUTED.format(agents="\n".join(addresses))
                          + SEARCHD.format(agent_port=agent_port, sql_port=sql_port, folder=root, threads=2))
    return agents, {sql_port: searchd(config)}
