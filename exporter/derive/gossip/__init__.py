"""Does every process show the same gossip cluster, under the same label?"""
