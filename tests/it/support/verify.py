# Verifies the message on standard input with dkimpy. Arguments: the name of the TXT record and the record. Prints yes or no.
import sys

import dkim

name, record = sys.argv[1].encode(), sys.argv[2].encode()
message = sys.stdin.buffer.read()


def dns(asked, timeout=5):
    return record if asked.rstrip(b".") == name else None


print("yes" if dkim.verify(message, dnsfunc=dns) else "no")
