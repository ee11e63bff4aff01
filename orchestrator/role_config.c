#include "orchestrator/role_config.h"

#include <stddef.h>

#include "orchestrator/api.h"
#include "orchestrator/ledger/ledger.h"

#define PRICE_MAX 1000000000000000

#define FIELD(f) offsetof(struct orchestrator_config, f)

const struct option orchestrator_options[] = {
    {"serviceAddr", OPTION_STRING, "127.0.0.1:8935", 0, 0, false, FIELD(service_addr), "HOST:PORT",
     "Where transcoders and broadcasters connect."},
    {"orchSecret", OPTION_STRING, "", 0, 0, true, FIELD(orch_secret), "TEXT|FILE",
     "The secret shared with transcoders and broadcasters, or a file whose first line it is; "
     "without one only minted credentials are admitted."},
    {"maxSessions", OPTION_INT, "10", -1000000, ORCHESTRATOR_SESSIONS_MAX, false,
     FIELD(max_sessions), "N", "Streams that are transcoded at once."},
    {"httpAddr", OPTION_STRING, "", 0, 0, false, FIELD(http_addr), "HOST:PORT",
     "Accepted and not used: everything goes through -serviceAddr."},
    {"heartbeatMs", OPTION_INT, "500", 10, 60000, false, FIELD(heartbeat_ms), "MS",
     "How often peers say that they are there."},
    {"peerTimeoutMs", OPTION_INT, "1500", 30, 600000, false, FIELD(peer_timeout_ms), "MS",
     "A peer that is silent for so long is gone."},
    {"lateAfterMs", OPTION_INT, "2000", 0, 600000, false, FIELD(late_after_ms), "MS",
     "A transcoder that owes parts of a segment for so long, or for as long as two of them last if "
     "that is less, loses it to another one that has room; 0: never."},
    {"hedgeAfter", OPTION_INT, "500", 0, 600000, false, FIELD(hedge_after_ms), "MS",
     "A segment of which a part is owed for so long is given to a second transcoder as well; the "
     "first part that comes counts; 0: never."},
    {"maxAttempts", OPTION_INT, "3", 1, 100, false, FIELD(max_attempts), "N",
     "Transcoders that may refuse or fail a segment before it is given up; lost ones do not "
     "count."},
    {"pricePerUnit", OPTION_INT, "0", 0, PRICE_MAX, false, FIELD(money.price_per_unit), "N",
     "What broadcasters are asked for -pixelsPerUnit pixels of rungs; 0: nothing."},
    {"pixelsPerUnit", OPTION_INT, "1", 1, PRICE_MAX, false, FIELD(money.pixels_per_unit), "N",
     "The pixels that -pricePerUnit is for."},
    {"payments", OPTION_BOOL, NULL, 0, 0, false, FIELD(money.payments), NULL,
     "Keeps accounts of what comes in and of what it is spent for; a -pricePerUnit above 0 does "
     "too."},
    {"ledger", OPTION_STRING, "", 0, 0, false, FIELD(money.ledger), "FILE|off",
     "Where the accounts are kept, when it is not ledger.db in the data directory; off: never."},
    {"ledgerAsset", OPTION_STRING, "USD", 1, 0, false, FIELD(money.ledger_asset), "CODE",
     "What the accounts count; it stays what it was when the ledger was made."},
    {"ledgerScale", OPTION_INT, "9", 0, LEDGER_SCALE_MAX, false, FIELD(money.ledger_scale), "N",
     "Digits behind its point; they stay what they were, too."},
    {"paymentPointer", OPTION_LIST, "", 0, 0, false, FIELD(money.payment_pointer), "POINTER",
     "Takes payments by STREAM receipts for these payment pointers of ours, such as "
     "$wallet.example/alice."},
    {"receiptAddr", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_addr), "HOST:PORT",
     "Where the known receipt verifier's interface is offered to whoever reaches it."},
    {"receiptSeed", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_seed), "FILE",
     "The seeds of receipts' secrets, newest first, when they are not receipts/seed in the data "
     "directory, where one is made."},
    {"receiptTtl", OPTION_DURATION, "6h", 1000, 31L * 24 * 3600 * 1000, false,
     FIELD(money.receipt_ttl_ms), "TIME", "For so long a payment may pause and still go on."},
    {"receiptScale", OPTION_INT, "-1", -1, LEDGER_SCALE_MAX, false, FIELD(money.receipt_scale), "N",
     "Digits behind the point of what the wallet receives; -1: as many as -ledgerScale."},
    {"receiptService", OPTION_STRING, "", 0, 0, false, FIELD(money.receipt_service), "URL",
     "A receipt verifier of somebody else's, which is asked instead of verifying here."},
    {"walletTimeout", OPTION_DURATION, "10s", 100, 600000, false, FIELD(money.wallet_timeout_ms),
     "TIME", "For so long a wallet, or -receiptService, may take to answer."},
    {"walletAddress", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_address), "URL",
     "Takes payments by Open Payments (Web Monetization) at this wallet of ours: "
     "https://wallet.example/alice or $wallet.example/alice."},
    {"walletKey", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_key), "FILE",
     "The Ed25519 key (PEM) whose public half that wallet has: with it the wallet says whose a "
     "payment is; without it payments to any customer of its provider count."},
    {"walletKeyId", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_key_id), "ID",
     "The id that the wallet gave that key."},
    {"walletClient", OPTION_STRING, "", 0, 0, false, FIELD(money.wallet_client), "URL",
     "The wallet address that the key belongs to, when it is another one."},
    {"walletPoll", OPTION_DURATION, "1500ms", 50, 600000, false, FIELD(money.wallet_poll_ms),
     "TIME", "How often the wallet is asked about a payment that may still grow."},
    {"allowHttpPayments", OPTION_BOOL, NULL, 0, 0, false, FIELD(money.allow_http_payments), NULL,
     "For tests: wallets may be asked without TLS, and on private networks."},
    {"mint", OPTION_COMMAND_TEXT, "", 1, 0, false, FIELD(mint), "ROLE",
     "Command: makes a credential for a transcoder or broadcaster and prints it: -mint ROLE NAME "
     "> FILE; that host gives it as -orchSecret FILE."},
    {"mintName", OPTION_ARGUMENT, "", 1, 0, false, FIELD(mint_name), "NAME",
     "The name of the credential that -mint makes; may stand without its flag."},
    {"listCredentials", OPTION_COMMAND, NULL, 0, 0, false, FIELD(list_credentials), NULL,
     "Command: prints the credentials that were minted."},
    {"json", OPTION_COMMAND, NULL, 0, 0, false, FIELD(json), NULL,
     "With -listCredentials: prints JSON."},
    {"revoke", OPTION_COMMAND_TEXT, "", 1, 0, false, FIELD(revoke), "NAME",
     "Command: a credential is admitted no more, and who is connected with it is turned out."},
};

const struct option_sample orchestrator_samples[] = {
    {"serviceAddr", "127.0.0.1:8936"},
    {"cliAddr", "127.0.0.1:7936"},
    {NULL, NULL},
};
