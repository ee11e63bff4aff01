"""A page plays because of a payment that the public client of Open Payments has made: the payer's agent
tells the page, in a real browser, and the page the server."""
import json

from browser import Browser
from harness import main, wait_for
from test_open_payments import CENT
from test_open_payments_client import KEY_ID, Client

MEDIA = "document.querySelector('video, audio')"


class Pays(Client):
    def begin(self):
        """A payer's agent, and a page that waits for money."""
        self.start(self.wallet, "-walletKey", self.key, "-walletKeyId", KEY_ID)
        agent = self.agent()
        page = self.enter(Browser()).open()
        page.goto(self.recipe.url(f"/watch/{self.FILM}"))
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 20, "it waits")
        return agent, page

    def tell(self, page, agent):
        page.evaluate("""([incomingPayment, paymentPointer]) => {
            const link = document.querySelector('link[rel=monetization]');
            const event = Object.assign(new Event('monetization', {bubbles: true}),
                                        {incomingPayment, paymentPointer});
            link.dispatchEvent(event); }""", [agent.payment, self.wallet.address])

    def test_a_page_plays_because_of_it(self):
        agent, page = self.begin()
        self.tell(page, agent)
        wait_for(lambda: self.wallet.heard[-1]["url"] == agent.payment, 15, "the wallet is asked")
        self.assertEqual(page.evaluate(f"() => {MEDIA}.readyState"), 0)
        self.wallet.pay(agent.payment, 12)
        page.wait(f"() => {MEDIA}.readyState >= 1", timeout=30)
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 20, "it is used up")
        page.evaluate(f"() => {{ {MEDIA}.currentTime = 23; void {MEDIA}.play(); }}")
        self.wallet.pay(agent.payment, 24)  # what was on its way when it sought is billed again
        page.wait(f"() => {MEDIA}.ended", timeout=60)

    def test_an_orchestrator_that_is_away_and_one_that_has_forgotten(self):
        """What the page has told once counts all the same, and what comes of it later, too."""
        agent, page = self.begin()
        self.recipe.orchestrator.kill()
        self.wallet.pay(agent.payment, 1)
        self.tell(page, agent)
        wait_for(lambda: any(u.endswith("/monetization") for u in page.requests()), 20, "it tells")
        self.recipe.orchestrator = self.recipe.orchestrator.again()
        wait_for(lambda: self.credited() == 1, 60, "it is credited")
        self.recipe.orchestrator.kill()
        self.wallet.pay(agent.payment, 2)
        (self.recipe.data_dir / "wallets" / "watched").unlink()
        self.recipe.orchestrator = self.recipe.orchestrator.again()
        wait_for(lambda: self.credited() == 3, 90, "the page has named it again")

    def credited(self):
        """In cents, by the wallet alone."""
        answer = self.recipe.orchestrator.control("/account?account=world:wallets")
        return -int(json.loads(answer.text)["balance"]) // CENT if answer.status == 200 else 0


if __name__ == "__main__":
    main()
