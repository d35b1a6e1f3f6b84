-- Nothing looks for rooms by their owner: who goes is found among the members (tests/plans.test.ts lists what is used).
drop index rooms_owner;
