"""Does every process see the same gossip cluster, under the same label?"""
