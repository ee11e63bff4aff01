"""A page plays because of a payment that the public client of Open Payments has made: the payer's agent
tells the page, in a real browser, and the page the server."""
from browser import Browser
from harness import main, wait_for
from test_open_payments_client import KEY_ID, Client

MEDIA = "document.querySelector('video, audio')"


class Pays(Client):
    def test_a_page_plays_because_of_it(self):
        self.start(self.wallet, "-walletKey", self.key, "-walletKeyId", KEY_ID)
        agent = self.agent()
        page = self.enter(Browser()).open()
        page.goto(self.recipe.url(f"/watch/{self.FILM}"))
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 20, "it waits")
        page.evaluate("""([incomingPayment, paymentPointer]) => {
            const link = document.querySelector('link[rel=monetization]');
            const event = Object.assign(new Event('monetization', {bubbles: true}),
                                        {incomingPayment, paymentPointer});
            link.dispatchEvent(event); }""", [agent.payment, self.wallet.address])
        wait_for(lambda: self.wallet.heard[-1]["url"] == agent.payment, 15, "the wallet is asked")
        self.assertEqual(page.evaluate(f"() => {MEDIA}.readyState"), 0)
        self.wallet.pay(agent.payment, 12)
        page.wait(f"() => {MEDIA}.readyState >= 1", timeout=30)
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 20, "it is used up")
        page.evaluate(f"() => {{ {MEDIA}.currentTime = 23; void {MEDIA}.play(); }}")
        self.wallet.pay(agent.payment, 24)  # what was on its way when it sought is billed again
        page.wait(f"() => {MEDIA}.ended", timeout=60)


if __name__ == "__main__":
    main()
